#include "core/engine/push.h"

#include <boost/json.hpp>

#include "core/engine/lock.h"
#include "daemon/control/verbs.h"

namespace b2b::control {
namespace {

namespace json = boost::json;

// A person reads a few names; all of them are in --json and in the snapshot's record.
constexpr std::size_t names_shown = 20;

json::array to_json(std::vector<std::string> const& texts) {
  json::array out;
  for (std::string const& text : texts) out.emplace_back(printable(text));
  return out;
}

json::object to_json(PushReport const& report) {
  json::object out;
  if (report.snapshot) {
    out["snapshot"] = report.snapshot->text;
  } else {
    out["snapshot"] = nullptr;
    out["unchanged"] = report.unchanged;
  }
  out["files"] = report.files;
  out["changed"] = report.changed;
  out["added"] = report.added;
  out["deleted"] = report.deleted;
  out["bytesUploaded"] = report.bytes_uploaded;
  out["requests"] = report.requests;
  out["seconds"] = report.seconds;
  out["complete"] = report.complete;
  json::array skipped;
  for (Skip const& skip : report.skipped)
    skipped.push_back(json::object{{"path", printable(skip.path)}, {"reason", printable(skip.detail)}});
  out["skipped"] = std::move(skipped);
  out["warnings"] = to_json(report.warnings);
  return out;
}

std::string seconds_text(double seconds) {
  char out[32];
  std::snprintf(out, sizeof out, "%.1f s", seconds);
  return out;
}

void print(Console& console, PushReport const& report, bool dry_run) {
  if (dry_run) {
    console.result(report.unchanged ? "Nothing changed since the last snapshot."
                                    : std::to_string(report.changed) + " of " + std::to_string(report.files) +
                                          " files would be read and compared, " + std::to_string(report.deleted) +
                                          " are gone since the last snapshot.");
  } else if (report.unchanged) {
    console.line("Nothing changed since the last snapshot.");
  } else {
    console.line("Snapshot " + report.snapshot->text);
    console.line("  " + std::to_string(report.files) + " files (" + std::to_string(report.added) + " added, " +
                 std::to_string(report.changed) + " changed, " + std::to_string(report.deleted) + " deleted), " +
                 human_bytes(report.bytes_uploaded) + " uploaded in " + seconds_text(report.seconds) + ", " +
                 std::to_string(report.requests) + " requests");
  }
  if (report.skipped.empty()) return;
  console.warn(std::to_string(report.skipped.size()) + " files could not be backed up:");
  for (std::size_t i = 0; i < report.skipped.size() && i < names_shown; ++i)
    console.warn("  " + printable(report.skipped[i].path) + ": " + printable(report.skipped[i].detail));
  if (report.skipped.size() > names_shown)
    console.warn("  and " + std::to_string(report.skipped.size() - names_shown) + " more (--json names all)");
}

}  // namespace

int run_verb(Session& session, PushArguments const& arguments) {
  Console& console = session.console;
  if (arguments.no_wait)
    return console.fail(make_error(Condition::usage, "--no-wait needs a daemon to wait for us", "Leave it out with --direct"));
  auto context = open_session_engine(session);
  if (!context) return console.fail(context.error());
  Result<PushReport> report = PushReport{};
  {
    ProgressLine const progress(context->progress, !session.arguments.quiet && !session.arguments.json, session.clock);
    PushOptions options;
    options.dry_run = arguments.dry_run;
    report = push(*context, options);
  }
  if (!report) {
    Error error = report.error();
    if (error.condition == Condition::cancelled)
      error.advice = "What was uploaded so far is kept and the next push goes on from there";
    return console.fail(error);
  }
  if (auto reminder = key_reminder(*context); !reminder) {
    report->warnings.push_back(reminder.error().text());
  } else if (!reminder->empty() && !arguments.dry_run) {
    report->warnings.push_back(*reminder);
  }
  print(console, *report, arguments.dry_run);
  if (!console.json())
    for (std::string const& warning : report->warnings) console.warn(printable(warning));
  bool const fine = report->complete && report->skipped.empty() && !report->vanished_alarm;
  return console.succeed(to_json(*report), fine ? 0 : exit_incomplete);
}

}  // namespace b2b::control
