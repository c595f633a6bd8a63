#include <boost/json.hpp>

#include "core/engine/lock.h"
#include "core/engine/prune.h"
#include "core/engine/restore.h"
#include "core/engine/verify.h"
#include "daemon/control/verbs.h"

namespace b2b::control {
namespace {

namespace json = boost::json;

json::array to_json(std::vector<std::string> const& texts) {
  json::array out;
  for (std::string const& text : texts) out.emplace_back(printable(text));
  return out;
}

json::object to_json(PruneReport const& report) {
  json::object out;
  json::array verdicts;
  for (RetentionVerdict const& verdict : report.verdicts)
    verdicts.push_back(json::object{{"id", verdict.id.text}, {"keep", verdict.keep}, {"reason", verdict.reason}});
  out["snapshots"] = std::move(verdicts);
  out["removed"] = to_json(report.removed);
  out["unfinishedRemoved"] = to_json(report.torn_removed);
  out["healed"] = report.healed;
  out["objectsDeleted"] = report.objects_deleted;
  out["paused"] = report.paused;
  out["warnings"] = to_json(report.warnings);
  return out;
}

Result<PruneReport> prune_with_lock(EngineContext& context, PruneOptions const& options) {
  if (options.dry_run) return prune(context, options);
  B2B_ASSIGN(DataLock const lock, DataLock::acquire(context.config.state_dir, "prune"));
  B2B_TRY(recover_restores(context));
  return prune(context, options);
}

}  // namespace

int run_verb(Session& session, PruneArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  PruneOptions options;
  options.dry_run = arguments.dry_run;
  options.confirmed = arguments.yes;
  auto run = [&] {
    ProgressLine const progress(context->progress, !session.arguments.quiet && !session.arguments.json, session.clock);
    return prune_with_lock(*context, options);
  };
  auto report = run();
  bool const may_confirm = (!report && report.error().condition == Condition::refused) || (report && report->paused);
  if (may_confirm && !options.confirmed && console.can_ask()) {
    if (!report) console.warn(report.error().text());
    if (report)
      for (std::string const& warning : report->warnings) console.warn(printable(warning));
    if (console.ask("Prune all the same?")) {
      options.confirmed = true;
      report = run();
    }
  }
  if (!report) return console.fail(report.error());
  for (RetentionVerdict const& verdict : report->verdicts)
    console.line((verdict.keep ? "keep    " : options.dry_run ? "would go  " : "removed ") + verdict.id.text + "  (" +
                 verdict.reason + ")");
  for (std::string const& id : report->torn_removed) console.line("removed " + id + "  (unfinished for over a week)");
  if (!console.json())
    for (std::string const& warning : report->warnings) console.warn(printable(warning));
  if (report->paused && !console.json()) return exit_code_of(Condition::refused);
  return console.succeed(to_json(*report), report->paused ? exit_code_of(Condition::refused) : 0);
}

int run_verb(Session& session, VerifyArguments const& arguments) {
  Console& console = session.console;
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  VerifyOptions options;
  options.snapshot = arguments.snapshot;
  options.read_data = arguments.read_data;
  Result<VerifyReport> report = VerifyReport{};
  {
    ProgressLine const progress(context->progress, !session.arguments.quiet && !session.arguments.json, session.clock);
    report = verify(*context, options);
  }
  if (!report) return console.fail(report.error());
  json::array problems;
  for (VerifyProblem const& problem : report->problems) {
    problems.push_back(json::object{{"snapshot", problem.snapshot},
                                    {"path", printable(problem.path)},
                                    {"problem", printable(problem.problem)}});
    if (!console.json())
      console.warn(problem.snapshot + (problem.path.empty() ? "" : " " + printable(problem.path)) + ": " +
                   printable(problem.problem));
  }
  if (!console.json())
    for (std::string const& note : report->notes) console.warn(printable(note));
  console.line(std::to_string(report->snapshots) + " snapshots, " + std::to_string(report->objects) + " objects checked" +
               (options.read_data ? ", " + human_bytes(report->bytes_read) + " read" : "") + ": " +
               (report->problems.empty() ? "all is well" : std::to_string(report->problems.size()) + " problems"));
  json::object answer{{"snapshots", report->snapshots},
                      {"objects", report->objects},
                      {"bytesRead", report->bytes_read},
                      {"problems", std::move(problems)},
                      {"notes", to_json(report->notes)}};
  return console.succeed(std::move(answer), report->problems.empty() ? 0 : exit_incomplete);
}

}  // namespace b2b::control
