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

// A new id of this moment, with random digits of its own.
SnapshotId new_snapshot_id(EngineContext const& context, SnapshotKind kind);

}  // namespace b2b
