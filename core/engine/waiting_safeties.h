// Safety snapshots that wait on this machine for their upload, looked into (push.h takes and sends them).
#pragma once

#include <functional>

#include "core/engine/context.h"
#include "core/snapshot/id.h"

namespace b2b {

// Those for this store, one by one: `visit` gets a context in which load_snapshot() finds it in the plugin's layout. An error of `visit` ends it.
Result<void> visit_waiting_safeties(EngineContext& context, std::function<Result<void>(EngineContext& local, SnapshotId const& id)> const& visit);

}  // namespace b2b
