// A snapshot opened for reading.
#include "core/engine/bucket.h"
#include "core/engine/manifest_file.h"
#include "core/engine/objects.h"
#include "core/snapshot/load.h"

namespace b2b {

Result<LoadedSnapshot> load_snapshot(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir) {
  std::optional<LoadedSnapshot> loaded;
  auto const read = [&](std::string const& manifest_path) -> Result<void> {
    loaded.reset();
    B2B_ASSIGN(Catalog catalog, Catalog::create(scratch_file(scratch_dir, "catalog")));
    std::vector<RejectedPath> bad;
    B2B_ASSIGN(ManifestRead manifest, load_catalog(manifest_path, id, *context.keyring, catalog, bad));
    loaded.emplace(LoadedSnapshot{std::move(manifest), std::move(catalog), {}});
    for (RejectedPath& path : bad) loaded->bad_paths.push_back({printable(path.path), std::move(path.problem)});
    return {};
  };
  auto const done = with_manifest_file(context, id, scratch_dir, read);
  if (!done) {
    // What we remember of it must not hide that it is gone.
    if (done.error().condition == Condition::not_found)
      B2B_TRY(context.index->forget_snapshot(target_name(context), id.text));
    return done.error();
  }
  return std::move(*loaded);
}

}  // namespace b2b
