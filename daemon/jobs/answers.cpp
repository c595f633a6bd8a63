#include "daemon/jobs/answers.h"

#include <boost/json/value.hpp>

#include "core/util/encoding.h"

namespace b2b::jobs {
namespace {

namespace json = boost::json;

char const* change_word(Change change) {
  switch (change) {
    case Change::added: return "added";
    case Change::deleted: return "deleted";
    case Change::content: return "changed";
    case Change::metadata: return "metadata";
  }
  return "changed";
}

bool has_any(json::object const& answer, std::string_view list) {
  json::value const* value = answer.if_contains(list);
  return value != nullptr && value->is_array() && !value->get_array().empty();
}

bool is(json::object const& answer, std::string_view flag, bool wanted) {
  json::value const* value = answer.if_contains(flag);
  return value != nullptr && value->is_bool() && value->get_bool() == wanted;
}

}  // namespace

json::array texts_answer(std::vector<std::string> const& texts) {
  json::array out;
  for (std::string const& text : texts) out.emplace_back(printable(text));
  return out;
}

json::object push_answer(PushReport const& report) {
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
  out["vanishedAlarm"] = report.vanished_alarm;
  json::array skipped;
  for (Skip const& skip : report.skipped)
    skipped.push_back(json::object{{"path", printable(skip.path)}, {"reason", printable(skip.detail)}});
  out["skipped"] = std::move(skipped);
  out["warnings"] = texts_answer(report.warnings);
  return out;
}

json::object restore_answer(RestoreReport const& report) {
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
  out["notes"] = texts_answer(report.notes);
  return out;
}

namespace {

json::array problems_answer(std::vector<VerifyProblem> const& problems) {
  json::array out;
  for (VerifyProblem const& problem : problems)
    out.push_back(json::object{{"snapshot", problem.snapshot}, {"path", printable(problem.path)}, {"problem", printable(problem.problem)}});
  return out;
}

}  // namespace

json::object verify_answer(VerifyReport const& report) {
  return {{"snapshots", report.snapshots},
          {"objects", report.objects},
          {"bytesRead", report.bytes_read},
          {"problems", problems_answer(report.problems)},
          {"notes", texts_answer(report.notes)}};
}

json::object repair_answer(RepairReport const& report) {
  json::object out;
  out["packsIndexed"] = report.packs_indexed;
  out["indexObjectsRemoved"] = report.index_objects_removed;
  out["packsRemoved"] = report.packs_removed;
  out["chunksSaved"] = report.chunks_saved;
  if (report.snapshot) {
    out["snapshot"] = *report.snapshot;
  } else {
    out["snapshot"] = nullptr;
  }
  out["bytesUploaded"] = report.bytes_uploaded;
  out["bytesRead"] = report.bytes_read;
  json::array healed;
  for (HealedPath const& path : report.healed) healed.push_back(json::object{{"snapshot", path.snapshot}, {"path", path.path}});
  out["healed"] = std::move(healed);
  out["problems"] = problems_answer(report.problems);
  out["notes"] = texts_answer(report.notes);
  return out;
}

json::object forget_answer(ForgetReport const& report) {
  json::array snapshots;
  for (ForgottenIn const& gone : report.snapshots)
    snapshots.push_back(json::object{{"id", gone.snapshot}, {"entries", gone.entries}, {"files", gone.files}, {"bytes", gone.bytes}});
  return {{"snapshots", std::move(snapshots)},
          {"paths", texts_answer(report.paths)},
          {"pathsTotal", report.paths_total},
          {"problems", problems_answer(report.problems)},
          {"notes", texts_answer(report.notes)}};
}

json::object prune_answer(PruneReport const& report) {
  json::object out;
  json::array verdicts;
  for (RetentionVerdict const& verdict : report.verdicts)
    verdicts.push_back(json::object{{"id", verdict.id.text}, {"keep", verdict.keep}, {"reason", verdict.reason}});
  out["snapshots"] = std::move(verdicts);
  out["removed"] = texts_answer(report.removed);
  out["unfinishedRemoved"] = texts_answer(report.torn_removed);
  out["healed"] = report.healed;
  out["objectsDeleted"] = report.objects_deleted;
  out["packsToForget"] = report.collected.packs_to_forget;
  out["paused"] = report.paused;
  out["warnings"] = texts_answer(report.warnings);
  return out;
}

json::object snapshot_answer(ListedSnapshot const& snapshot) {
  SnapshotInfo const& info = snapshot.info;
  json::object out;
  out["id"] = info.id.text;
  out["kind"] = kind_name(info.id.kind);
  out["layout"] = layout_name(info.layout);
  out["time"] = info.timestamp.empty() ? format_iso8601(info.id.time) : info.timestamp;
  out["trigger"] = info.trigger_text;
  out["files"] = info.files;
  out["bytes"] = info.bytes;
  out["complete"] = snapshot.has_manifest && snapshot.problem.empty() && info.complete;
  if (snapshot.has_manifest && snapshot.problem.empty() && !info.complete) out["filesMissing"] = info.skipped_total;
  if (!snapshot.has_manifest) out["unfinished"] = true;
  if (!snapshot.problem.empty()) out["problem"] = printable(snapshot.problem);
  out["host"] = info.host;
  out["ours"] = info.ours;
  out["openclaw"] = info.openclaw;
  out["writtenBy"] = info.ours ? info.program : "OpenClaw B2 plugin";
  return out;
}

json::object entry_answer(CatalogEntry const& row) {
  Entry const& entry = row.entry;
  json::object out;
  out["path"] = printable(entry.path);
  // What is shown is not what it is called: control characters, or bytes that are not UTF-8.
  if (printable(entry.path) != entry.path) out["path64"] = to_base64(as_bytes(entry.path));
  out["type"] = entry.type == EntryType::file ? "file" : entry.type == EntryType::directory ? "directory" : "symlink";
  if (entry.type == EntryType::file) {
    out["size"] = entry.size;
    out["hash"] = to_hex(entry.hash);
  }
  if (entry.type == EntryType::symlink) out["target"] = printable(entry.target);
  if (entry.has_metadata) {
    out["mode"] = entry.mode;
    out["mtime"] = format_iso8601(TimePoint(std::chrono::nanoseconds(entry.mtime_ns)));
  }
  if (entry.database) out["database"] = true;
  if (entry.damaged) out["damaged"] = true;
  return out;
}

json::object difference_answer(Difference const& difference) {
  Entry const& entry = difference.change == Change::deleted ? difference.before.entry : difference.after.entry;
  return {{"path", printable(entry.path)}, {"change", change_word(difference.change)}};
}

bool is_incomplete(json::object const& answer) {
  auto const* const gateway = answer.if_contains("gateway");  // of a restore around it
  if (gateway != nullptr && gateway->is_object() && is(gateway->get_object(), "up", false)) return true;
  return is(answer, "complete", false) || is(answer, "vanishedAlarm", true) || has_any(answer, "skipped") ||
         has_any(answer, "failed") || has_any(answer, "problems");
}

int exit_code_of_answer(json::object const& answer) {
  if (is(answer, "paused", true)) return exit_code_of(Condition::refused);
  return is_incomplete(answer) ? exit_incomplete : 0;
}

}  // namespace b2b::jobs
