#include <boost/json.hpp>
#include <filesystem>

#include "daemon/control/members.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

void print(Console& console, json::object const& answer, bool dry_run) {
  std::string const would = dry_run ? "would be " : "";
  console.line("Snapshot " + text_of(answer, "snapshot"));
  console.line("  " + count_of(answer, "restored") + " " + would + "restored (" + human_bytes(number_of(answer, "bytes")) +
               "), " + count_of(answer, "unchanged") + " already as they were, " + count_of(answer, "removed") + " " + would +
               "set aside");
  if (has_value(answer, "safety")) console.line("  What was there before: snapshot " + text_of(answer, "safety"));
  if (has_value(answer, "quarantine"))
    console.line("  Files the snapshot does not hold: " + text_of(answer, "quarantine"));
  if (has_value(answer, "replaced")) console.line("  What was there before: " + text_of(answer, "replaced"));
  warn_all(console, list_of(answer, "notes"));
  warn_of_each(console, list_of(answer, "failed"), "could not be restored", "error");
}

// The daemon has another working directory.
Result<std::string> absolute(std::string const& target) {
  std::error_code failed;
  std::string const out = target.empty() ? target : std::filesystem::absolute(target, failed).string();
  if (failed) return errno_error(failed.value(), "find the working directory for", target);
  return out;
}

}  // namespace

int run_verb(Session& session, RestoreArguments const& arguments) {
  Console& console = session.console;
  auto const target = absolute(arguments.target);
  if (!target) return console.fail(target.error());
  json::object parameters{{"snapshot", arguments.snapshot}, {"dryRun", arguments.dry_run}, {"yes", arguments.yes}};
  if (!arguments.paths.empty()) parameters["paths"] = json::value_from(arguments.paths);
  if (!target->empty()) parameters["target"] = *target;
  if (arguments.no_safety) parameters["safety"] = false;
  if (arguments.with_secrets) parameters["withSecrets"] = true;
  if (!arguments.dry_run && !arguments.yes && console.can_ask()) {
    parameters["dryRun"] = true;
    auto const preview = session.jobs->run(Job::restore, parameters);
    if (!preview) return console.fail(preview.error());
    print(console, *preview, true);
    if (!console.ask("Go on?")) {
      console.warn("nothing was changed");
      return exit_code_of(Condition::refused);
    }
    parameters["snapshot"] = text_of(*preview, "snapshot");  // what was agreed to, though "latest" may be another by now
    parameters["dryRun"] = false;
    parameters["yes"] = true;
  }
  auto answer = session.jobs->run(Job::restore, parameters);
  if (!answer) {
    Error error = answer.error();
    if (error.condition == Condition::cancelled && error.advice.empty()) error.advice = "Nothing was changed";
    return console.fail(error);
  }
  print(console, *answer, arguments.dry_run);
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

}  // namespace b2b::daemonctl
