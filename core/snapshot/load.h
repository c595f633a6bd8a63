// From a manifest to a catalog: what every job that reads a snapshot begins with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot/catalog.h"
#include "core/snapshot/manifest.h"

namespace b2b {

// An entry that must not be restored, because its path (or the path it is a hard link of) could lead out of
// the target.
struct RejectedPath {
  std::string path;     // raw bytes
  std::string problem;  // "has a '..' component"
};

// Meta value that load_catalog() sets in catalogs of the plugin's snapshots: they know neither directories
// nor symlinks.
inline constexpr std::string_view files_only_meta = "files-only";

// Puts an entry of the snapshot `id` into the catalog, or, when its path is not clean, into `rejected`: more than 1,000 of those are no
// accident. Errors: corrupt (that, or the path is there already), the catalog's.
Result<void> take_entry(SnapshotId const& id, CatalogEntry&& row, Catalog& into, std::vector<RejectedPath>& rejected);

// Reads the manifest in `manifest_path` (see read_manifest()) into the empty catalog `into`: entries with
// clean paths, files with the name they are stored under. The others are appended to `rejected` (take_entry()). After an error `into` holds an unspecified part and must be thrown
// away. Errors: as read_manifest(), and the catalog's.
Result<ManifestRead> load_catalog(std::string const& manifest_path, SnapshotId const& expected,
                                  Keyring& keyring, Catalog& into, std::vector<RejectedPath>& rejected);

}  // namespace b2b
