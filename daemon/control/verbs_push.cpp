#include <boost/json.hpp>
#include <cstdio>

#include "daemon/control/members.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

std::string seconds_text(double seconds) {
  char out[32];
  std::snprintf(out, sizeof out, "%.1f s", seconds);
  return out;
}

void print(Console& console, json::object const& answer, bool dry_run) {
  bool const unchanged = flag_of(answer, "unchanged");
  if (dry_run) {
    console.result(unchanged ? "Nothing changed since the last snapshot."
                             : count_of(answer, "changed") + " of " + counted(answer, "files", "file", "files") +
                                   " would be read and compared, " + count_of(answer, "deleted") +
                                   " are gone since the last snapshot.");
  } else if (unchanged) {
    console.line("Nothing changed since the last snapshot.");
  } else {
    console.line("Snapshot " + text_of(answer, "snapshot"));
    console.line("  " + counted(answer, "files", "file", "files") + " (" + count_of(answer, "added") + " added, " +
                 count_of(answer, "changed") + " changed, " + count_of(answer, "deleted") + " deleted), " +
                 human_bytes(number_of(answer, "bytesUploaded")) + " uploaded in " + seconds_text(real_of(answer, "seconds")) +
                 ", " + counted(answer, "requests", "request", "requests"));
  }
  warn_of_each(console, list_of(answer, "skipped"), "could not be backed up, or not whole", "reason");
  if (!console.json()) warn_all(console, list_of(answer, "warnings"));
}

}  // namespace

int run_verb(Session& session, PushArguments const& arguments) {
  Console& console = session.console;
  if (arguments.no_wait && session.arguments.direct)
    return console.fail(make_error(Condition::usage, "--no-wait needs a daemon to wait for us", "Leave it out with --direct"));
  json::object parameters;
  if (arguments.dry_run) parameters["dryRun"] = true;
  if (arguments.no_wait) parameters["wait"] = false;
  auto answer = session.jobs->run(Job::push, parameters);
  if (!answer) {
    Error error = answer.error();
    if (error.condition == Condition::cancelled && error.advice.empty() && !arguments.dry_run)
      error.advice = "What was uploaded so far is kept and the next push goes on from there";
    return console.fail(error);
  }
  if (arguments.no_wait) {
    console.line("The daemon backs up now. daemonctl status says how far it is.");
    return console.succeed(std::move(*answer), 0);
  }
  print(console, *answer, arguments.dry_run);
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

}  // namespace b2b::daemonctl
