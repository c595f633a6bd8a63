#include "core/engine/choose_layout.h"

#include <algorithm>

#include "core/engine/bucket.h"
#include "core/engine/listing.h"
#include "core/engine/objects.h"
#include "core/packed/snapshots.h"
#include "core/snapshot/id.h"

namespace b2b {
namespace {

std::string record_key(std::string const& target) { return "layout:" + target; }

// What needs no record.
std::optional<SnapshotLayout> settled_layout(Config const& config) {
  switch (config.layout) {
    case LayoutChoice::plugin: return SnapshotLayout::plugin;
    case LayoutChoice::packed: return SnapshotLayout::packed;
    case LayoutChoice::automatic: break;
  }
  if (!config.encrypt || config.passphrases().empty()) return SnapshotLayout::plugin;
  return std::nullopt;
}

Result<std::optional<SnapshotLayout>> recorded_layout(Index& index, std::string const& key) {
  B2B_ASSIGN(auto const record, index.value(key));
  if (!record) return std::optional<SnapshotLayout>();
  return std::optional(*record == layout_name(SnapshotLayout::packed) ? SnapshotLayout::packed : SnapshotLayout::plugin);
}

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
  if (auto const settled = settled_layout(context.config)) return settled;
  return recorded_layout(*context.index, record_key(target_name(context)));
}

Result<std::optional<SnapshotLayout>> known_layout(Config const& config, Index* index) {
  if (auto const settled = settled_layout(config)) return settled;
  if (index == nullptr) return std::optional<SnapshotLayout>();
  B2B_ASSIGN(auto const store, remembered_store_name(config, *index));
  if (!store) return std::optional<SnapshotLayout>();
  return recorded_layout(*index, record_key(target_name(*store, config)));
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
  return context.index->set_value(record_key(target_name(context)), layout_name(layout));
}

}  // namespace b2b
