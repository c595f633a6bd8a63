// The moving part of a push: captures what may have changed, uploads what did, brings the rest along.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/capture_stage.h"
#include "core/engine/push.h"
#include "core/engine/push_plan.h"
#include "core/engine/resume.h"
#include "core/engine/snapshot_writer.h"

namespace b2b {

class PushRun {
 public:
  PushRun(EngineContext& context, PushPlan& plan, Base* base, PushReport& report);

  // Captures every file the plan could not decide by its stat key, and uploads those whose content or metadata did change. The
  // snapshot is begun with the first of them.
  Result<void> capture_changes();
  // Is there anything to write a snapshot for? Meaningful after capture_changes().
  bool anything_changed() const;
  // Brings the unchanged files into the snapshot: copied within the store, or captured and uploaded again when they are
  // small or the store does not hold what we remember.
  Result<void> bring_unchanged();
  // The id it is written under; known after bring_unchanged().
  SnapshotId const& snapshot_id() const { return ticket_->id; }
  // Manifest. Afterwards the snapshot exists and the plan's catalog describes it.
  Result<SnapshotInfo> commit(Trigger trigger);

 private:
  void captured(Entry const& scanned, CaptureResult&& result);
  void stored(StoredBody&& body);
  bool writer_begun();
  Result<void> begin();                         // makes ticket and writer, once; callers hold mutex_
  Result<void> upload_or_copy(CapturedFile&& file);
  Result<void> for_each_in_state(PlanState state, std::function<Result<void>(CatalogEntry&&)> const& visit);
  bool can_copy(CatalogEntry const& row) const; // from the last snapshot, inside the store
  Result<void> forget_uncopied_sidecars();
  Result<void> forget_sidecars(std::vector<std::string> const& paths);  // those of damaged databases
  Result<void> capture_all(std::vector<std::string> const& paths);

  EngineContext& context_;
  PushPlan& plan_;
  Base* base_;
  PushReport& report_;
  std::mutex mutex_;                            // catalogs, report, ticket, failure
  std::optional<PushTicket> ticket_;
  std::unique_ptr<SnapshotWriter> writer_;
  std::shared_ptr<Spool> spool_;
  std::unique_ptr<CaptureStage> stage_;
  bool only_changes_ = true;                    // first phase: what equals the base is not uploaded
  std::vector<std::string> copies_failed_;
  std::optional<Error> failure_;
};

}  // namespace b2b
