#include <boost/json.hpp>

#include "core/config/show.h"
#include "core/engine/bucket.h"
#include "core/engine/choose_layout.h"
#include "core/engine/watch_push.h"
#include "core/util/file.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/check_service.h"
#include "daemon/jobs/answers.h"
#include "daemon/jobs/jobs.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

// Lists one key under the prefix: the cheapest question that needs the endpoint, the key and the bucket to be right.
Result<void> probe_store(EngineContext& context) {
  return context.store->list({context.config.prefix + "/", "", false}, [](ListEntry const&) { return false; }, context.stop);
}

// Our own records, where there are some: none are made for this.
std::shared_ptr<Index> existing_index(Config const& config) {
  auto const instance = find_instance(config);
  if (!instance || !path_exists(join_path(instance->data_dir, "index.sqlite"))) return nullptr;
  auto index = Index::open(instance->data_dir);
  return index ? *index : nullptr;
}

// What holds where watch.push is not set: that depends on the layout, which the configuration alone does not tell.
void tell_watch_push(LoadedConfig& loaded) {
  if (loaded.config.service.watch.push) return;
  auto const layout = known_layout(loaded.config, existing_index(loaded.config).get());
  WatchPush const push = watch_push(std::nullopt, layout ? *layout : std::nullopt);
  for (ShownValue& row : loaded.shown)
    if (row.key == "watch.push") row = {row.key, push.on ? "true" : "false", std::string(push.why)};
}

// `store`: empty when it was not asked.
std::string verdict(bool all_read, std::string const& store) {
  if (all_read) return "The configuration is fine" + (store.empty() ? std::string(".") : ", and " + store + " answers.");
  return "Backups go on" + (store.empty() ? std::string() : ", and " + store + " answers") +
         ", but OpenClaw's configuration cannot be read. Correct it: openclaw doctor";
}

}  // namespace

Result<EngineContext> open_session_engine(Session& session) {
  return open_engine(session.loaded.config, session.clock, session.stop);
}

int run_verb(Session& session, ConfigShowArguments const&) {
  Console& console = session.console;
  LoadedConfig loaded = session.loaded;
  tell_watch_push(loaded);
  if (!console.json()) {
    console.result(format_config_show(loaded));
    return 0;
  }
  return console.succeed(config_show_json(loaded), 0);
}

int run_verb(Session& session, ConfigCheckArguments const& arguments) {
  Console& console = session.console;
  if (auto complete = require_store(session.loaded.config); !complete) return console.fail(complete.error());
  LoadedConfig checked = session.loaded;
  if (auto fine = jobs::check_service(checked); !fine) return console.fail(fine.error());
  std::vector<std::string> warnings = std::move(checked.warnings);
  std::string store = "not asked";
  if (!arguments.offline) {
    auto context = open_session_engine(session);
    if (!context) return console.fail(context.error());
    if (auto answered = probe_store(*context); !answered) return console.fail(answered.error());
    store = context->store->traits().name;
    auto reminder = jobs::key_reminder(*context);
    if (!reminder) return console.fail(reminder.error());
    if (!reminder->empty()) warnings.push_back(*reminder);
  }
  for (std::string const& file : session.loaded.files) console.line("read " + file);
  if (!console.json())
    for (std::string const& warning : warnings) console.warn(printable(warning));
  console.line(verdict(session.loaded.openclaw_problem.empty(), arguments.offline ? std::string() : store));
  return console.succeed({{"files", jobs::texts_answer(session.loaded.files)}, {"store", store}, {"warnings", jobs::texts_answer(warnings)}}, 0);
}

int run_verb(Session& session, AcknowledgeKeyArguments const&) {
  Console& console = session.console;
  auto instance = open_instance(session.loaded.config);
  if (!instance) return console.fail(instance.error());
  auto index = Index::open(instance->data_dir);
  if (!index) return console.fail(index.error());
  if (auto set = jobs::acknowledge_key(**index); !set) return console.fail(set.error());
  console.line("Noted. daemonctl will not remind you of the key any more.");
  return console.succeed({}, 0);
}

}  // namespace b2b::daemonctl
