#include "core/engine/find_snapshot.h"

#include "core/engine/bucket.h"
#include "core/engine/choose_layout.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/packed/format.h"
#include "core/packed/marks.h"
#include "core/packed/snapshots.h"
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

Result<bool> committed_and_whole(EngineContext& context, SnapshotId const& id, SnapshotLayout layout) {
  B2B_ASSIGN(bool const there, snapshot_exists(context, id, layout));
  if (!there || layout == SnapshotLayout::plugin) return there;
  B2B_ASSIGN(auto const repository, context.packed->open_to_write(context));
  B2B_TRY(packed::look_for_packs(*repository, context.stop));
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  B2B_ASSIGN(bool const whole, packed::is_whole(repository, id, scratch.path(), context.stop));
  if (whole) return true;
  B2B_TRY(remove_all(*context.store, snapshot_object_key(context, id, layout), context.stop));
  B2B_TRY(context.index->forget_snapshot(target_name(context), id.text));
  return false;
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
