// Which layout pushes to this store write.
#pragma once

#include <optional>

#include "core/engine/context.h"
#include "core/snapshot/snapshot_layout.h"

namespace b2b {

// `layout` where it is set. Else packed where the newest snapshot under the prefix is, or where there is none; plugin where the
// newest one is (also when it is in both: a copy), nothing may be encrypted, or the application key does not reach the packed one (which is not kept). The bucket is asked once (at most two list requests); the answer is kept in the
// index, so a store that is emptied later changes nothing. Errors: the store's.
Result<SnapshotLayout> push_layout(EngineContext& context);

// The same without asking the store: nullopt where it has not been asked yet.
Result<std::optional<SnapshotLayout>> known_layout(EngineContext& context);
// The same without opening the store; nullopt also where it was never opened with these settings, or where the index, which may be
// null, would have to say it.
Result<std::optional<SnapshotLayout>> known_layout(Config const& config, Index* index);

// Where `layout` is not set: pushes write this one from here on.
Result<void> keep_layout(EngineContext& context, SnapshotLayout layout);

}  // namespace b2b
