#include "core/engine/push.h"

#include <cerrno>
#include <cstdio>

#include "core/engine/bucket.h"
#include "core/engine/choose_layout.h"
#include "core/engine/durable_capture.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/engine/prune.h"
#include "core/engine/push_run.h"
#include "core/engine/queue_upload.h"
#include "core/engine/remove_snapshot.h"
#include "core/engine/restore.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

std::string scan_path(EngineContext const& context) { return join_path(context.instance.data_dir, "scan.sqlite"); }

// The catalog becomes the record of the last snapshot, in one rename.
Result<void> rename_to_base(EngineContext& context, std::string const& path) {
  std::string const base = context.index->base_catalog_path();
  if (std::rename(path.c_str(), base.c_str()) != 0) return errno_error(errno, "keep the record of the snapshot as", base);
  return fsync_directory(context.instance.data_dir);
}

Result<void> keep_as_base(EngineContext& context, PushPlan& plan, SnapshotInfo const& info) {
  B2B_TRY(label_record(context, *plan.catalog, info.id, info.complete));
  B2B_TRY(plan.catalog->seal());
  plan.catalog.reset();
  return rename_to_base(context, plan.path);
}

Result<void> pushed(EngineContext& context) {
  B2B_TRY(context.index->set_value(last_body_check, std::to_string(context.clock->now().time_since_epoch().count())));
  return context.index->end_push();
}

// A crash came between the manifest and our own records: the snapshot is there, and its record lies where it was made.
Result<void> adopt_committed(EngineContext& context) {
  B2B_ASSIGN(auto const pending, context.index->pending_push());
  if (!pending) return {};
  std::vector<std::string> ignored;
  {
    B2B_ASSIGN(auto const record, open_record(context, scan_path(context), ignored));
    if (!record || record->id.text != pending->id) return {};
    B2B_ASSIGN(SnapshotLayout const layout, push_layout(context));
    B2B_ASSIGN(bool const committed, committed_and_whole(context, record->id, layout));
    if (!committed) return {};
  }
  B2B_TRY(rename_to_base(context, scan_path(context)));
  return pushed(context);
}

// Pruning is housekeeping: what goes wrong there is said, and the snapshot stands.
Result<void> prune_after(EngineContext& context, PushReport& report) {
  context.progress->phase = "pruning";
  auto pruned = prune(context, PruneOptions{});
  if (!pruned) {
    if (pruned.error().condition == Condition::cancelled) return pruned.error();
    report.warnings.push_back("old snapshots were not pruned: " + pruned.error().text());
    return {};
  }
  for (std::string& warning : pruned->warnings) report.warnings.push_back(std::move(warning));
  return {};
}

// Nothing new means nothing to prune, but what a prune began and did not end (a crash) is not left half deleted.
Result<void> finish_removals(EngineContext& context, PushReport& report) {
  B2B_ASSIGN(auto const begun, unfinished_removals(context));
  if (begun.empty()) return {};
  return prune_after(context, report);
}

// Everything that happens before there is something to compare with.
Result<void> prepare(EngineContext& context, PushReport& report) {
  B2B_ASSIGN(auto recovered, recover_restores(context));
  for (std::string& sentence : recovered) report.warnings.push_back(std::move(sentence));
  if (auto uploaded = upload_pending_safety(context, true); !uploaded) {
    if (uploaded.error().condition == Condition::cancelled) return uploaded.error();
    report.warnings.push_back("a safety snapshot waits on this machine and could not be uploaded: " + uploaded.error().text());
  }
  B2B_TRY(finish_captures(context));
  // What was captured earlier goes first: its moment is gone, and what follows builds on it.
  while (true) {
    B2B_ASSIGN(auto const uploaded, upload_oldest(context));
    if (!uploaded) return {};
    report.warnings.push_back("the snapshot " + uploaded->snapshot->text + ", captured earlier, was waiting and is uploaded now");
  }
}

Result<void> push_locked(EngineContext& context, PushOptions const& options, PushReport& report) {
  if (!options.dry_run) {
    B2B_TRY(prepare(context, report));
    B2B_TRY(adopt_committed(context));
  }
  context.progress->phase = "scanning";
  B2B_ASSIGN(auto base, open_base(context, report.warnings, !options.dry_run));
  if (base && options.anew) base->same_key = false;
  bool base_complete = true;
  if (base) {
    B2B_ASSIGN(auto const complete, base->catalog.meta("complete"));
    base_complete = complete.value_or("") == "1";
  }
  std::optional<ScratchFolder> scratch;  // of a dry run: it needs no lock, so there may be several
  if (options.dry_run) {
    B2B_ASSIGN(ScratchFolder folder, make_scratch(context));
    scratch.emplace(std::move(folder));
  }
  std::string const catalog_path = scratch ? scratch_file(scratch->path(), "plan") : scan_path(context);
  B2B_ASSIGN(PushPlan plan, make_push_plan(context, base ? &*base : nullptr, catalog_path));
  struct RemoveCatalog {
    PushPlan& plan;
    ~RemoveCatalog() {
      plan.catalog.reset();
      std::remove(plan.path.c_str());  // gone already when it became the base
    }
  } remove_catalog{plan};

  report.skipped = plan.skipped;
  std::erase_if(report.skipped, [](Skip const& skip) { return skip.reason == SkipReason::by_rule; });
  report.files = plan.files;
  report.deleted = plan.deleted;
  if (options.dry_run) {
    report.changed = plan.to_capture;
    report.complete = report.skipped.empty();
    report.unchanged = base && plan.to_capture == 0 && plan.deleted == 0 && !plan.metadata_changed;
    return {};
  }

  B2B_TRY(check_not_emptied(plan, context.config.state_dir));
  context.progress->files_total = plan.files;
  context.progress->bytes_total = plan.bytes;
  context.progress->phase = "uploading";
  PushRun run(context, plan, base ? &*base : nullptr, report);
  B2B_TRY(run.capture_changes());
  B2B_TRY(count_gone_sidecars(plan));
  report.deleted = plan.deleted;
  bool const complete_again = !base_complete && report.skipped.empty();
  if (!run.anything_changed() && !complete_again) {
    report.unchanged = true;
    report.complete = report.skipped.empty();
    // The stat keys that were read again are worth keeping; the snapshot they belong to is the old one.
    B2B_ASSIGN(auto const base_id, base->catalog.meta("id"));
    SnapshotInfo info;
    info.id = base->id;
    info.complete = base_complete;
    base.reset();
    if (plan.to_capture > 0 && report.skipped.empty()) B2B_TRY(keep_as_base(context, plan, info));
    return options.prune ? finish_removals(context, report) : Result<void>();
  }
  B2B_TRY(run.bring_unchanged());
  report.complete = report.skipped.empty();
  // Before the snapshot exists, so that no crash lets a later push prune what this one should have kept.
  bool const alarm = vanished_alarm(plan);
  if (alarm) B2B_TRY(context.index->set_value("prune-paused", run.snapshot_id().text));
  context.progress->phase = "committing";
  B2B_ASSIGN(SnapshotInfo const info, run.commit(options.trigger));
  report.snapshot = info.id;
  report.files = info.files;
  report.complete = info.complete;
  base.reset();
  plan.catalog.reset();
  B2B_TRY(rename_to_base(context, plan.path));
  if (alarm) {
    report.vanished_alarm = true;
    report.warnings.push_back(vanished_warning(plan));
  }
  B2B_TRY(pushed(context));
  if (options.prune) return prune_after(context, report);
  return {};
}

}  // namespace

Result<PushReport> push_under_locks(EngineContext& context, PushOptions const& options) {
  auto const began = context.clock->monotonic();
  auto const requests_before = context.store->counters().requests;
  PushReport report;
  auto done = push_locked(context, options, report);
  if (!done && done.error().condition == Condition::changed && context.packed != nullptr) {
    // A collection took what the snapshot relied on, or another machine made the repository anew: what is missing is stored this time.
    log_info("the push begins again: " + done.error().text());
    context.packed->forget();
    report = PushReport();
    done = push_locked(context, options, report);
  }
  if (!done) return done.error();
  report.requests = context.store->counters().requests - requests_before;
  report.seconds = std::chrono::duration<double>(context.clock->monotonic() - began).count();
  return report;
}

Result<PushReport> push(EngineContext& context, PushOptions const& options) {
  std::optional<UploadLock> uploads;
  std::optional<DataLock> lock;
  if (!options.dry_run) {
    if (path_exists(context.config.state_dir)) {
      B2B_ASSIGN(uploads, UploadLock::acquire(context, "push"));
    }
    B2B_ASSIGN(lock, DataLock::acquire(context.config.state_dir, "push"));
  } else if (!path_exists(context.config.state_dir)) {
    return make_error(Condition::not_found, "the state directory " + context.config.state_dir + " does not exist",
                      "Set stateDir (or OPENCLAW_STATE_DIR) to the directory that holds openclaw.json");
  }
  return push_under_locks(context, options);
}

}  // namespace b2b
