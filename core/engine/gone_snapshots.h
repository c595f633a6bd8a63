// Packed snapshots that this machine knows and that are not in the store any more. A prune of this machine forgets what it removes, so they
// went in another way.
#pragma once

#include <vector>

#include "core/engine/context.h"
#include "core/snapshot/id.h"

namespace b2b {

struct GoneSnapshot {
  SnapshotId id;
  bool newest = false;          // of those that are remembered: no prune of any machine takes it
  bool only_we_prune = false;   // no other machine has snapshots under the prefix, as far as we know
};

// `there`: what the store lists. Oldest first.
Result<std::vector<GoneSnapshot>> gone_snapshots(EngineContext& context, std::vector<SnapshotId> const& there);

}  // namespace b2b
