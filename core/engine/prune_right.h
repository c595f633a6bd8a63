// Who prunes a prefix that several machines push to? Nobody by itself: what one of them keeps by its own rules, another may need. A
// person gives one the right with `prune --take-over`. It is kept in the index, for the instances that were there
// then: one that comes later is asked about anew. The other machine hears nothing of it.
#pragma once

#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

struct OtherInstance {
  std::string id;
  std::string name;   // printable: host and state directory
};

// The instances that `snapshots` are of, without ours, in the order of their ids. Snapshots that name none (the plugin's) count for none.
std::vector<OtherInstance> other_instances(EngineContext const& context, std::vector<SnapshotInfo> const& snapshots);

// Those of them that nobody took the right to prune from.
Result<std::vector<OtherInstance>> unyielding_instances(EngineContext& context, std::vector<SnapshotInfo> const& snapshots);
Result<void> take_over_pruning(EngineContext& context, std::vector<OtherInstance> const& from);

}  // namespace b2b
