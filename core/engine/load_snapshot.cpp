// A snapshot opened for reading.
#include "core/engine/bucket.h"
#include "core/engine/choose_layout.h"
#include "core/engine/manifest_file.h"
#include "core/engine/objects.h"
#include "core/engine/packed_list.h"
#include "core/snapshot/load.h"

namespace b2b {
namespace {

Result<LoadedSnapshot> load_plugin_snapshot(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir) {
  std::optional<LoadedSnapshot> loaded;
  auto const read = [&](std::string const& manifest_path) -> Result<void> {
    loaded.reset();
    B2B_ASSIGN(Catalog catalog, Catalog::create(scratch_file(scratch_dir, "catalog")));
    std::vector<RejectedPath> bad;
    B2B_ASSIGN(ManifestRead manifest, load_catalog(manifest_path, id, *context.keyring, catalog, bad));
    loaded.emplace(LoadedSnapshot{std::move(manifest), std::move(catalog), bad_paths(bad), {}});
    return {};
  };
  B2B_TRY(with_manifest_file(context, id, scratch_dir, read));
  return std::move(*loaded);
}

Result<LoadedSnapshot> load_in(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir, SnapshotLayout layout) {
  return layout == SnapshotLayout::packed ? load_packed_snapshot(context, id, scratch_dir) : load_plugin_snapshot(context, id, scratch_dir);
}

bool is_missing(Result<LoadedSnapshot> const& loaded) { return !loaded && loaded.error().condition == Condition::not_found; }

}  // namespace

std::vector<BadPath> bad_paths(std::vector<RejectedPath> const& rejected) {
  std::vector<BadPath> named;
  for (RejectedPath const& path : rejected) named.push_back({printable(path.path), path.problem});
  return named;
}

Result<LoadedSnapshot> load_snapshot(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir,
                                     std::optional<SnapshotLayout> layout) {
  SnapshotLayout first = layout.value_or(SnapshotLayout::plugin);
  if (!layout) {
    B2B_ASSIGN(auto const known, known_layout(context));
    first = known.value_or(SnapshotLayout::plugin);
  }
  auto loaded = load_in(context, id, scratch_dir, first);
  if (is_missing(loaded) && !layout) {
    auto other = load_in(context, id, scratch_dir, other_layout(first));
    bool const out_of_reach = !other && other.error().condition == Condition::permission;
    if (!is_missing(other) && !out_of_reach) return other;
  }
  // What we remember of it must not hide that it is gone.
  if (is_missing(loaded)) B2B_TRY(context.index->forget_snapshot(target_name(context), id.text));
  return loaded;
}

}  // namespace b2b
