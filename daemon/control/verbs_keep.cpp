#include <boost/json.hpp>

#include "daemon/control/members.h"
#include "daemon/control/verbs.h"
#include "daemon/jobs/answers.h"

namespace b2b::daemonctl {
namespace {

namespace json = boost::json;

void print(Console& console, json::object const& answer, bool dry_run) {
  for (json::value const& item : list_of(answer, "snapshots")) {
    json::object const& verdict = as_object(item);
    console.line((flag_of(verdict, "keep") ? "keep    " : dry_run ? "would go  " : "removed ") + text_of(verdict, "id") + "  (" +
                 text_of(verdict, "reason") + ")");
  }
  for (json::value const& id : list_of(answer, "unfinishedRemoved"))
    console.line("removed " + as_text(id) + "  (unfinished for over a week)");
  if (number_of(answer, "packsToForget") > 0)
    console.line("What was forgotten still lies in " + counted(answer, "packsToForget", "pack", "packs") + ", encrypted; the prunes of the next days remove it");
  warn_all(console, list_of(answer, "warnings"));
}

void warn_of_problems(Console& console, json::array const& problems) {
  for (json::value const& item : problems) {
    json::object const& problem = as_object(item);
    std::string const snapshot = text_of(problem, "snapshot"), path = text_of(problem, "path");
    std::string const where = snapshot + (snapshot.empty() || path.empty() ? "" : " ") + path;
    console.warn((where.empty() ? "" : where + ": ") + text_of(problem, "problem"));
  }
}

}  // namespace

int run_verb(Session& session, PruneArguments const& arguments) {
  Console& console = session.console;
  json::object parameters{{"dryRun", arguments.dry_run}, {"takeOver", arguments.take_over}, {"yes", arguments.yes}};
  if (arguments.give_up_hidden) parameters["giveUpHidden"] = true;
  auto answer = session.jobs->run(Job::prune, parameters);
  if (!answer && answer.error().condition == Condition::refused && !arguments.take_over && console.can_ask()) {
    console.warn(answer.error().text());
    if (!console.ask("Shall this machine prune there from now on?")) return console.fail(answer.error());
    parameters["takeOver"] = true;
    answer = session.jobs->run(Job::prune, parameters);
  }
  if (answer && flag_of(*answer, "paused") && !arguments.yes && console.can_ask()) {
    warn_all(console, list_of(*answer, "warnings"));
    if (console.ask("Prune all the same?")) {
      parameters["yes"] = true;
      answer = session.jobs->run(Job::prune, parameters);
    }
  }
  if (!answer) return console.fail(answer.error());
  bool const paused = flag_of(*answer, "paused");
  if (paused && console.json()) {
    std::string why;
    for (json::value const& warning : list_of(*answer, "warnings")) why += (why.empty() ? "" : ". ") + as_text(warning);
    return console.fail(make_error(Condition::refused, why.empty() ? "pruning is paused" : why, "daemonctl prune --yes goes on"));
  }
  if (!console.json()) print(console, *answer, arguments.dry_run || paused);
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

int run_verb(Session& session, CopyArguments const& arguments) {
  Console& console = session.console;
  json::object const parameters{{"snapshot", arguments.snapshot}, {"toLayout", arguments.layout}, {"switch", arguments.switch_over}};
  auto answer = session.jobs->run(Job::copy, parameters);
  if (!answer) return console.fail(answer.error());
  std::string const snapshot = text_of(*answer, "snapshot");
  console.line(flag_of(*answer, "wasThere") ? "Snapshot " + snapshot + " is in the layout " + arguments.layout + " already"
                                            : "Snapshot " + snapshot + " is now in the layout " + arguments.layout + ", too (" +
                                                  human_bytes(number_of(*answer, "bytesUploaded")) + " uploaded)");
  if (arguments.switch_over) console.line("From now on backups are written in the layout " + arguments.layout);
  warn_all(console, list_of(*answer, "notes"));
  return console.succeed(std::move(*answer), 0);
}

int run_verb(Session& session, PinArguments const& arguments) {
  Console& console = session.console;
  if (arguments.snapshot.empty()) {
    auto answer = session.jobs->run(Job::pinned, {});
    if (!answer) return console.fail(answer.error());
    json::array const& pins = list_of(*answer, "pins");
    for (json::value const& item : pins)
      console.result(text_of(as_object(item), "snapshot") + "  since " + text_of(as_object(item), "since").substr(0, 10));
    if (pins.empty()) console.line("No snapshot is pinned. To keep one from being pruned: daemonctl pin SNAPSHOT");
    return console.succeed(std::move(*answer), 0);
  }
  auto answer = session.jobs->run(Job::pin, {{"snapshot", arguments.snapshot}, {"remove", arguments.remove}});
  if (!answer) return console.fail(answer.error());
  if (!console.json()) warn_all(console, list_of(*answer, "notes"));
  std::string const id = text_of(*answer, "snapshot");
  if (arguments.remove)
    console.line("Snapshot " + id + " is no longer pinned: it may be pruned.");
  else if (flag_of(*answer, "changed"))
    console.line("Snapshot " + id + " is pinned: it is not pruned until you take that back with daemonctl pin " + id + " --remove");
  else
    console.line("Snapshot " + id + " is pinned already.");
  return console.succeed(std::move(*answer), 0);
}

int run_verb(Session& session, VerifyArguments const& arguments) {
  Console& console = session.console;
  json::object parameters{{"readData", arguments.read_data}};
  if (!arguments.snapshot.empty()) parameters["snapshot"] = arguments.snapshot;
  if (auto const percent = percent_of(arguments.subset)) parameters["readDataSubset"] = *percent;
  auto answer = session.jobs->run(Job::verify, parameters);
  if (!answer) return console.fail(answer.error());
  json::array const& problems = list_of(*answer, "problems");
  if (!console.json()) {
    warn_of_problems(console, problems);
    warn_all(console, list_of(*answer, "notes"));
  }
  console.line(counted(*answer, "snapshots", "snapshot", "snapshots") + ", " + counted(*answer, "objects", "object", "objects") + " checked" +
               (arguments.read_data || !arguments.subset.empty() ? ", " + human_bytes(number_of(*answer, "bytesRead")) + " read" : "") + ": " +
               (problems.empty() ? "all is well" : std::to_string(problems.size()) + (problems.size() == 1 ? " problem" : " problems")));
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

int run_verb(Session& session, RepairArguments const& arguments) {
  Console& console = session.console;
  json::object parameters{{"index", arguments.part == "index"}};
  if (arguments.quick) parameters["readData"] = false;
  auto answer = session.jobs->run(Job::repair, parameters);
  if (!answer) return console.fail(answer.error());
  json::array const& problems = list_of(*answer, "problems");
  if (!console.json()) {
    for (json::value const& item : list_of(*answer, "healed")) {
      json::object const& healed = as_object(item);
      std::string const path = text_of(healed, "path");
      console.line("healed  " + text_of(healed, "snapshot") + (path.empty() ? "" : " " + path));
    }
    warn_of_problems(console, problems);
    warn_all(console, list_of(*answer, "notes"));
    if (std::string const snapshot = text_of(*answer, "snapshot"); !snapshot.empty())
      console.line("What this machine has is stored again: snapshot " + snapshot);
  }
  console.line(counted(*answer, "packsIndexed", "pack", "packs") + " put back into the index, " +
               counted(*answer, "packsRemoved", "damaged or missing pack", "damaged or missing packs") + " taken out: " +
               (problems.empty() ? "all is well" : std::to_string(problems.size()) + (problems.size() == 1 ? " problem remains" : " problems remain")));
  int const exit_code = jobs::exit_code_of_answer(*answer);
  return console.succeed(std::move(*answer), exit_code);
}

}  // namespace b2b::daemonctl
