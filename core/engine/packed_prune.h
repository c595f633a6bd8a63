// What pruning does with the packed layout.
#pragma once

#include <cstdint>

#include "core/engine/context.h"
#include "core/packed/collect.h"
#include "core/snapshot/id.h"

namespace b2b {

// Every version of the snapshot object; its packs are left to a collection. Returns how many objects went. permission: the key may not delete.
Result<std::uint64_t> remove_packed_snapshot(EngineContext& context, SnapshotId const& id);

// A round of packed::collect(), and the time that the next one is due from. Asks nothing of the store beyond that.
Result<packed::CollectReport> collect_repository(EngineContext& context, TimePoint now);
// The last one of this machine was a day ago. `now`: the store's clock.
Result<bool> collection_is_due(EngineContext& context, TimePoint now);
// The next prune collects, whenever the last one was.
Result<void> collect_soon(EngineContext& context);

}  // namespace b2b
