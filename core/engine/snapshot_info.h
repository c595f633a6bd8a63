// The header of a snapshot that is about to be written, and its id.
#pragma once

#include <cstdint>
#include <vector>

#include "core/capture/scan.h"
#include "core/engine/context.h"
#include "core/snapshot/manifest.h"

namespace b2b {

// Everything a header says but what the writer counts itself. `skipped` names at most 1,000 paths; all are counted.
Result<SnapshotInfo> describe_snapshot(EngineContext const& context, Trigger trigger, std::int64_t started_ns,
                                       std::vector<Skip> const& skipped);

// A new id of this moment, with random digits of its own. What is captured later has the later id, also when the wall clock was
// set back meanwhile: everybody tells by the ids what is newest, and what is old enough to go. So the id is of a moment after the
// newest of its kind that is known to be in the store or waits for its upload; unless that one is more than 24 hours ahead of the
// clock, which nobody takes for the newest either.
Result<SnapshotId> new_snapshot_id(EngineContext const& context, SnapshotKind kind);

}  // namespace b2b
