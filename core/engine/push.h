// Push: scan → capture → upload what changed → manifest → prune. In the plugin's layout every snapshot is complete by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/scan.h"
#include "core/engine/context.h"
#include "core/snapshot/manifest.h"

namespace b2b {

struct PushOptions {
  Trigger trigger = Trigger::manual;
  bool dry_run = false;                 // scan and compare only; nothing is captured or sent
  bool prune = true;                    // when there is something new, or a prune was interrupted while it deleted
  bool anew = false;                    // nothing of the last snapshot is believed to be in the store: everything is read again, what is missing is sent
};

struct PushReport {
  std::optional<SnapshotId> snapshot;   // none when unchanged
  bool unchanged = false;
  std::uint64_t files = 0;              // in the snapshot
  std::uint64_t changed = 0;
  std::uint64_t added = 0;
  std::uint64_t deleted = 0;
  std::uint64_t bytes_captured = 0;     // copied out of the live state for it
  std::uint64_t bytes_uploaded = 0;
  std::uint64_t requests = 0;
  double seconds = 0;
  bool complete = true;
  bool vanished_alarm = false;          // more than half of the files are gone; pruning waits for a person
  std::vector<Skip> skipped;
  std::vector<std::string> warnings;
};

// Takes the data lock (busy when another job has it). The lock is held while capturing, given up for the rest of the uploads.
Result<PushReport> push(EngineContext& context, PushOptions const& options);
// The same for who holds the upload lock and the data lock.
Result<PushReport> push_under_locks(EngineContext& context, PushOptions const& options);

// A safety snapshot: every file in scope, captured durably into <data dir>/safety/ (encrypted like any snapshot), to be
// uploaded as safety-<ts>/<id> later. The caller holds the data lock. The store is not asked.
struct SafetyReport {
  SnapshotId id;
  std::vector<Skip> skipped;
  std::vector<std::string> warnings;
};
Result<SafetyReport> take_safety_snapshot(EngineContext& context);
Result<std::vector<std::string>> waiting_safeties(EngineContext& context);   // those for this store that wait for their upload: names
// Sends it, after the swap and without the data lock, since nothing that is restored depends on it. The answer, when it stays on this
// machine for now, is a sentence for the person.
std::string send_safety(EngineContext& context, SnapshotId const& id);
// Uploads safety captures that wait; returns how many went. The caller holds the upload lock. `clear`: also removes what a crash cut short,
// which only the holder of the data lock may do, since nobody else knows whether it is still being made.
Result<std::uint64_t> upload_pending_safety(EngineContext& context, bool clear);

}  // namespace b2b
