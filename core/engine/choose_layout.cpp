#include "core/engine/choose_layout.h"

#include "core/engine/bucket.h"
#include "core/engine/objects.h"
#include "core/packed/snapshots.h"
#include "core/snapshot/id.h"

namespace b2b {
namespace {

std::string record_key(EngineContext const& context) { return "layout:" + target_name(context); }

// A safety snapshot's folder begins with its id's first part, so both kinds are seen in one listing of folders.
Result<bool> has_plugin_snapshots(EngineContext& context) {
  bool found = false;
  ListOptions options;
  options.prefix = keys_prefix(context);
  options.delimiter = true;
  auto const look = [&](ListEntry const& entry) {
    if (!entry.is_prefix) return true;
    std::string_view name = std::string_view(entry.object.key).substr(options.prefix.size());
    if (name.ends_with('/')) name.remove_suffix(1);
    found = name.starts_with("safety-") || parse_snapshot_id(name).has_value();
    return !found;
  };
  B2B_TRY(context.store->list(options, look, context.stop));
  return found;
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
  SnapshotLayout layout = SnapshotLayout::packed;
  if (packed_ids->empty()) {
    B2B_ASSIGN(bool const in_use, has_plugin_snapshots(context));
    if (in_use) layout = SnapshotLayout::plugin;
  }
  B2B_TRY(keep_layout(context, layout));
  return layout;
}

Result<void> keep_layout(EngineContext& context, SnapshotLayout layout) {
  return context.index->set_value(record_key(context), layout_name(layout));
}

}  // namespace b2b
