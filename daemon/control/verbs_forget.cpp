#include <boost/json.hpp>

#include "daemon/control/members.h"
#include "daemon/control/snapshot_path.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

void print_paths(Console& console, json::object const& answer) {
  json::array const& paths = list_of(answer, "paths");
  for (json::value const& path : paths) console.line(as_text(path));
  std::uint64_t const total = number_of(answer, "pathsTotal");
  if (total > paths.size()) console.line("and " + std::to_string(total - paths.size()) + " more");
}

void print(Console& console, json::object const& answer, bool dry_run) {
  for (json::value const& item : list_of(answer, "snapshots")) {
    json::object const& gone = as_object(item);
    console.line((dry_run ? "held by  " : "taken out of  ") + text_of(gone, "id") + "  (" + counted(gone, "files", "file", "files") + ", " +
                 human_bytes(number_of(gone, "bytes")) + ")");
  }
  for (json::value const& item : list_of(answer, "problems")) {
    std::string const snapshot = text_of(as_object(item), "snapshot");
    console.warn((snapshot.empty() ? std::string() : "snapshot " + snapshot + " ") + text_of(as_object(item), "problem"));
  }
  warn_all(console, list_of(answer, "notes"));
  if (dry_run && list_of(answer, "snapshots").empty()) console.line("No snapshot would be changed.");
}

}  // namespace

int run_verb(Session& session, ForgetArguments const& arguments) {
  Console& console = session.console;
  json::array paths;
  for (std::string const& written : arguments.paths) {
    std::string const path = pattern_in_snapshot(session.loaded.config, written);
    if (path.empty())
      return console.fail(make_error(Condition::usage, "--path " + (written.empty() ? "''" : printable(written)) + " means everything, and snapshots without files are none",
                                     "Name what is to be forgotten, like --path 'workspace/notes/**'", written));
    paths.emplace_back(path);
  }
  json::object parameters{{"paths", std::move(paths)}, {"dryRun", arguments.dry_run}, {"yes", arguments.yes}};
  bool asked_before = false;
  if (!arguments.dry_run && !arguments.yes && console.can_ask()) {
    json::object asked = parameters;
    asked["dryRun"] = true;
    auto const preview = session.jobs->run(Job::forget, asked);
    if (!preview) return console.fail(preview.error());
    print_paths(console, *preview);
    print(console, *preview, true);
    if (list_of(*preview, "snapshots").empty()) return jobs::exit_code_of_answer(*preview);
    if (!console.ask("Take that out of these snapshots? It cannot be brought back.")) {
      console.warn("nothing was changed");
      return exit_code_of(Condition::refused);
    }
    parameters["yes"] = true;
    asked_before = true;
  }
  auto answer = session.jobs->run(Job::forget, parameters);
  if (!answer) return console.fail(answer.error());
  if (!console.json()) {
    if (!asked_before) print_paths(console, *answer);
    print(console, *answer, arguments.dry_run);
    if (!arguments.dry_run && !list_of(*answer, "snapshots").empty())
      console.line("The contents, encrypted, leave the bucket with the prunes of the next days, which follow backups; daemonctl prune says whether any of it is left.");
  }
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

}  // namespace b2b::daemonctl
