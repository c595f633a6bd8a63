// Deletes a snapshot's folder for good, in an order that a crash cannot turn into a snapshot that looks whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/snapshot/id.h"

namespace b2b {

// Every version of the manifest first, then (durably after it) every version of everything else under the folder. The id is
// written down before and forgotten afterwards, so that unfinished_removals() names what a crash left half deleted.
// Returns how many versions went. permission: the key may not delete; when the manifest is still there, nothing is changed.
Result<std::uint64_t> remove_snapshot(EngineContext& context, SnapshotId const& id);

// Ids whose removal began and did not end, under this target.
Result<std::vector<SnapshotId>> unfinished_removals(EngineContext& context);
// Ends such a record without deleting anything (the snapshot is there after all).
Result<void> forget_removal(EngineContext& context, SnapshotId const& id);

}  // namespace b2b
