#include "core/engine/choose_layout.h"

#include <algorithm>

#include "core/engine/bucket.h"
#include "core/engine/listing.h"
#include "core/engine/objects.h"
#include "core/packed/snapshots.h"
#include "core/snapshot/id.h"

namespace b2b {
namespace {

std::string record_key(EngineContext const& context) { return "layout:" + target_name(context); }

// The newest regular one of the plugin's layout; a safety snapshot alone counts as one of long ago.
Result<std::optional<TimePoint>> newest_plugin_snapshot(EngineContext& context) {
  bool has_manifest = false;
  B2B_ASSIGN(auto const names, folders_below(context, keys_prefix(context), has_manifest));
  std::optional<TimePoint> newest;
  for (std::string const& name : names) {
    if (auto const id = parse_snapshot_id(name); id && id->kind == SnapshotKind::regular) newest = std::max(newest.value_or(TimePoint{}), id->time);
    else if (name.starts_with("safety-")) newest = newest.value_or(TimePoint{});
  }
  return newest;
}

}  // namespace

Result<std::optional<SnapshotLayout>> known_layout(EngineContext& context) {
  using Layout = std::optional<SnapshotLayout>;
  switch (context.config.layout) {
    case LayoutChoice::plugin: return Layout(SnapshotLayout::plugin);
    case LayoutChoice::packed: return Layout(SnapshotLayout::packed);
    case LayoutChoice::automatic: break;
  }
  if (!context.config.encrypt || context.config.passphrases().empty()) return Layout(SnapshotLayout::plugin);
  B2B_ASSIGN(auto const record, context.index->value(record_key(context)));
  if (!record) return Layout();
  return Layout(*record == layout_name(SnapshotLayout::packed) ? SnapshotLayout::packed : SnapshotLayout::plugin);
}

Result<SnapshotLayout> push_layout(EngineContext& context) {
  B2B_ASSIGN(auto const known, known_layout(context));
  if (known) return *known;
  auto const packed_ids = packed::list_snapshots(*context.store, context.config.prefix, context.stop);
  // An application key for the plugin's layout alone.
  if (!packed_ids && packed_ids.error().condition == Condition::permission) return SnapshotLayout::plugin;
  if (!packed_ids) return packed_ids.error();
  B2B_ASSIGN(auto const newest_plugin, newest_plugin_snapshot(context));
  std::optional<TimePoint> newest_packed;
  for (SnapshotId const& id : *packed_ids)
    if (id.kind == SnapshotKind::regular) newest_packed = std::max(newest_packed.value_or(TimePoint{}), id.time);
  // Both, after a copy or a switch: the one that was written last. A copy has the time of what it was made from, so it decides nothing.
  SnapshotLayout const layout = newest_plugin && (!newest_packed || *newest_plugin >= *newest_packed) ? SnapshotLayout::plugin : SnapshotLayout::packed;
  B2B_TRY(keep_layout(context, layout));
  return layout;
}

Result<void> keep_layout(EngineContext& context, SnapshotLayout layout) {
  return context.index->set_value(record_key(context), layout_name(layout));
}

}  // namespace b2b
