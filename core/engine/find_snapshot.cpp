#include "core/engine/find_snapshot.h"

#include "core/engine/choose_layout.h"
#include "core/engine/objects.h"
#include "core/packed/format.h"
#include "core/snapshot/layout.h"

namespace b2b {

std::string snapshot_object_key(EngineContext const& context, SnapshotId const& id, SnapshotLayout layout) {
  return layout == SnapshotLayout::packed ? packed::snapshot_key(context.config.prefix, id.text)
                                          : layout::manifest_key(context.config.prefix, id);
}

Result<bool> snapshot_exists(EngineContext& context, SnapshotId const& id, SnapshotLayout layout) {
  B2B_ASSIGN(auto const object, find_object(context, snapshot_object_key(context, id, layout)));
  return object.has_value();
}

Result<std::optional<SnapshotLayout>> find_snapshot(EngineContext& context, SnapshotId const& id) {
  B2B_ASSIGN(auto const known, known_layout(context));
  SnapshotLayout const first = known.value_or(SnapshotLayout::plugin);
  for (SnapshotLayout const layout : {first, other_layout(first)}) {
    auto const there = snapshot_exists(context, id, layout);
    // An application key for the one layout alone sees nothing of the other.
    if (!there && there.error().condition == Condition::permission && layout != first) break;
    if (!there) return there.error();
    if (*there) return std::optional(layout);
  }
  return std::optional<SnapshotLayout>();
}

}  // namespace b2b
