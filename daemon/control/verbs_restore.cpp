#include <boost/json.hpp>
#include <filesystem>

#include "core/config/duration_text.h"
#include "core/util/encoding.h"
#include "daemon/control/members.h"
#include "daemon/control/snapshot_path.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

// What became of the gateway, where the restore was around it, and what is to be done now.
void print_gateway(Console& console, json::object const& answer) {
  json::object const& doctor = object_of(answer, "doctor");
  if (flag_of(doctor, "good")) {
    console.line("  openclaw doctor found nothing that stops it");
  } else if (has_value(answer, "doctor")) {
    console.warn(flag_of(doctor, "ran") ? "openclaw doctor is not content:\n" + printable(text_of(doctor, "text"))
                                        : "openclaw doctor did not run: " + printable(text_of(doctor, "text")));
  }
  json::object const& gateway = object_of(answer, "gateway");
  if (flag_of(gateway, "up")) {
    console.line("  The gateway is up again: " + printable(text_of(gateway, "detail")));
  } else if (has_value(answer, "gateway")) {
    console.warn("the gateway is NOT up again: " + printable(text_of(gateway, "detail")) + ". Start it by hand, and look at its log");
  }
  if (list_of(answer, "advice").empty()) return;
  console.line("What to look at now:");
  for (json::value const& line : list_of(answer, "advice")) console.line("  - " + printable(as_text(line)));
}

void print(Console& console, json::object const& answer, bool dry_run) {
  std::string const would = dry_run ? " would be" : number_of(answer, "restored") == 1 ? " was" : " were";
  std::string const away = dry_run ? " would be" : number_of(answer, "removed") == 1 ? " was" : " were";
  console.line("Snapshot " + text_of(answer, "snapshot"));
  std::string const same = counted(answer, "unchanged", "is", "are") + " as in the snapshot already";
  if (number_of(answer, "restored") == 0 && number_of(answer, "removed") == 0) {
    console.line("  Nothing to restore: " + same);
  } else {
    console.line("  " + counted(answer, "restored", "file", "files") + would + " restored (" + human_bytes(number_of(answer, "bytes")) + "), " + same);
  }
  if (number_of(answer, "removed") > 0)
    console.line("  " + counted(answer, "removed", "file", "files") + " that the snapshot does not hold" + away +
                 " set aside (moved to a folder, not deleted)");
  if (dry_run && has_value(answer, "text")) console.line("  " + printable(text_of(answer, "text")));
  if (has_value(answer, "replaced")) console.line("  What was replaced is in " + text_of(answer, "replaced"));
  print_gateway(console, answer);
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

json::array paths_of(Config const& config, std::vector<std::string> const& written) {
  json::array out;
  for (std::string const& path : written) {
    std::string const known = pattern_in_snapshot(config, path);
    out.emplace_back(known.empty() && !path.empty() ? "**" : known);
  }
  return out;
}

bool around_gateway(RestoreArguments const& arguments) { return arguments.stop_gateway || arguments.when_stopped; }

// The members of the daemon's API that say what is to be done about the gateway.
Result<void> add_gateway_part(RestoreArguments const& arguments, json::object& parameters) {
  if (!around_gateway(arguments)) return {};
  parameters["gateway"] = arguments.stop_gateway ? "stop" : "when-stopped";
  if (arguments.when_stopped && !arguments.dry_run) parameters["wait"] = false;
  if (arguments.expires.empty()) return {};
  auto const expires = parse_duration(arguments.expires);
  if (!expires) return make_error(Condition::usage, "--expires: " + expires.error().message, "For example: --expires 1h");
  parameters["expiresSeconds"] = std::chrono::duration_cast<std::chrono::seconds>(*expires).count();
  return {};
}

int tell_queued(Console& console, json::object answer) {
  std::string const job = count_of(answer, "job");
  console.line(printable(text_of(answer, "text")));
  if (has_value(answer, "safety")) console.line("  What is there now: snapshot " + printable(text_of(answer, "safety")));
  console.line("  Follow it: daemonctl status --watch");
  console.line("  Give it up: daemonctl cancel " + job);
  return console.succeed(std::move(answer), 0);
}

}  // namespace

int run_verb(Session& session, RestoreArguments const& arguments) {
  Console& console = session.console;
  if (around_gateway(arguments) && !arguments.at.empty())
    return console.fail(make_error(Condition::usage, "--at does not go with --stop-gateway or --when-stopped", "Stop the gateway yourself, and restore then"));
  if (around_gateway(arguments) && session.arguments.direct)
    return console.fail(make_error(Condition::usage, "only the daemon restores around a gateway: it goes on with it whatever happens on the way",
                                   "Leave --direct out, or stop the gateway yourself and restore then"));
  auto const target = absolute(arguments.target);
  if (!target) return console.fail(target.error());
  json::object parameters{{"snapshot", arguments.snapshot}, {"dryRun", arguments.dry_run}, {"yes", arguments.yes}};
  if (!arguments.paths.empty()) parameters["paths"] = paths_of(session.loaded.config, arguments.paths);
  if (!target->empty()) parameters["target"] = *target;
  if (!arguments.at.empty()) parameters["at"] = arguments.at;
  if (arguments.no_safety) parameters["safety"] = false;
  if (arguments.with_secrets) parameters["withSecrets"] = true;
  if (auto const added = add_gateway_part(arguments, parameters); !added) return console.fail(added.error());
  if (!arguments.dry_run && !arguments.yes && console.can_ask()) {
    json::object asked = parameters;
    asked["dryRun"] = true;
    asked.erase("wait");
    auto const preview = session.jobs->run(Job::restore, asked);
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
  if (flag_of(*answer, "queued")) return tell_queued(console, std::move(*answer));
  print(console, *answer, arguments.dry_run);
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

}  // namespace b2b::daemonctl
