#include <boost/json.hpp>

#include "core/engine/restore.h"
#include "daemon/control/verbs.h"

namespace b2b::control {
namespace {

namespace json = boost::json;
constexpr std::size_t names_shown = 20;

json::object to_json(RestoreReport const& report) {
  json::object out;
  out["snapshot"] = report.snapshot.text;
  out["restored"] = report.restored;
  out["unchanged"] = report.unchanged;
  out["removed"] = report.removed;
  out["bytes"] = report.bytes;
  json::array failed;
  for (RestoreFailure const& failure : report.failed)
    failed.push_back(json::object{{"path", printable(failure.path)}, {"error", printable(failure.error)}});
  out["failed"] = std::move(failed);
  if (report.safety) {
    out["safety"] = report.safety->text;
  } else {
    out["safety"] = nullptr;
  }
  if (!report.quarantine.empty()) out["quarantine"] = printable(report.quarantine);
  if (!report.replaced.empty()) out["replaced"] = printable(report.replaced);
  json::array notes;
  for (std::string const& note : report.notes) notes.emplace_back(printable(note));
  out["notes"] = std::move(notes);
  return out;
}

void print(Console& console, RestoreReport const& report, bool dry_run) {
  std::string const would = dry_run ? "would be " : "";
  console.line("Snapshot " + report.snapshot.text);
  console.line("  " + std::to_string(report.restored) + " " + would + "restored (" + human_bytes(report.bytes) + "), " +
               std::to_string(report.unchanged) + " already as they were, " + std::to_string(report.removed) + " " + would +
               "set aside");
  if (report.safety) console.line("  What was there before: snapshot " + report.safety->text);
  if (!report.quarantine.empty()) console.line("  Files the snapshot does not hold: " + printable(report.quarantine));
  if (!report.replaced.empty()) console.line("  What was there before: " + printable(report.replaced));
  for (std::string const& note : report.notes) console.warn(printable(note));
  if (report.failed.empty()) return;
  console.warn(std::to_string(report.failed.size()) + " could not be restored:");
  for (std::size_t i = 0; i < report.failed.size() && i < names_shown; ++i)
    console.warn("  " + printable(report.failed[i].path) + ": " + printable(report.failed[i].error));
  if (report.failed.size() > names_shown)
    console.warn("  and " + std::to_string(report.failed.size() - names_shown) + " more (--json names all)");
}

}  // namespace

int run_verb(Session& session, RestoreArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  RestoreOptions options;
  options.snapshot = arguments.snapshot;
  options.paths = arguments.paths;
  options.target = arguments.target;
  options.dry_run = arguments.dry_run;
  options.safety = !arguments.no_safety;
  options.confirmed = arguments.yes;
  auto run = [&] {
    ProgressLine const progress(context->progress, !session.arguments.quiet && !session.arguments.json, session.clock);
    return restore(*context, options);
  };
  if (!options.dry_run && !options.confirmed && console.can_ask()) {
    options.dry_run = true;
    auto preview = run();
    if (!preview) return console.fail(preview.error());
    print(console, *preview, true);
    options.dry_run = false;
    options.confirmed = console.ask("Go on?");
    if (!options.confirmed) {
      console.warn("nothing was changed");
      return exit_code_of(Condition::refused);
    }
  }
  auto report = run();
  if (!report) {
    Error error = report.error();
    if (error.condition == Condition::cancelled && error.advice.empty()) error.advice = "Nothing was changed";
    return console.fail(error);
  }
  print(console, *report, options.dry_run);
  return console.succeed(to_json(*report), report->failed.empty() ? 0 : exit_incomplete);
}

}  // namespace b2b::control
