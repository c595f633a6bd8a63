// Where a snapshot lies, and whether it is there: both layouts.
#pragma once

#include <optional>
#include <string>

#include "core/engine/context.h"
#include "core/snapshot/id.h"
#include "core/snapshot/snapshot_layout.h"

namespace b2b {

// Pure. The object that makes it a snapshot: it is written last and removed first.
std::string snapshot_object_key(EngineContext const& context, SnapshotId const& id, SnapshotLayout layout);
// One request.
Result<bool> snapshot_exists(EngineContext& context, SnapshotId const& id, SnapshotLayout layout);
// A push was cut short after it had written its snapshot, perhaps: may that be taken as done? In the packed layout a snapshot whose push did not
// come to its last look (docs/format.md, rule 4) is looked at now, and removed where a collection took what it relies on. The caller holds
// the upload lock.
Result<bool> committed_and_whole(EngineContext& context, SnapshotId const& id, SnapshotLayout layout);
// The layout in which it is there; nullopt: in none. One request where it is in the layout that we write, else two.
Result<std::optional<SnapshotLayout>> find_snapshot(EngineContext& context, SnapshotId const& id);

}  // namespace b2b
