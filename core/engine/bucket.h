// What is in the bucket under our prefix: snapshots, torn ones, other folders.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/snapshot/catalog.h"
#include "core/snapshot/manifest.h"

namespace b2b {

struct ListedSnapshot {
  SnapshotInfo info;                 // info.id always; the rest when the manifest's header could be read
  Signature signature = Signature::none;   // as peeked: `none` for manifests without our header; verified only by load_snapshot()
  bool has_manifest = true;          // false: torn (a push under way, or one that died)
  std::string problem;               // the manifest is there and cannot be read: why
};

struct BucketListing {
  std::vector<ListedSnapshot> snapshots;   // every id form, regular and safety, torn ones included, oldest first
  std::vector<std::string> foreign;        // folders that are no snapshots
};

// Of both layouts. One list request per 1,000 folders and one per 1,000 packed snapshots, and one small read for each manifest or snapshot
// object that the index does not remember (32 at a time). `recheck`: ask for every one again, remembered or not.
Result<BucketListing> list_bucket(EngineContext& context, bool recheck);

// "latest" (newest complete regular snapshot that is at most 24 h ahead of the store's clock), an id, or the unambiguous
// beginning of one. not_found names the nearest choices. With encryption on, "latest" skips unsigned (plugin-written)
// snapshots only if there is none signed: then Condition::refused says to name the id (DESIGN rule 13).
// `notes` gets what the person should hear (ids in the future that were not chosen, newer incomplete snapshots).
Result<SnapshotId> resolve_snapshot(EngineContext& context, std::string_view name, std::vector<std::string>& notes);

class PackedList;   // packed_list.h

struct BadPath {
  std::string path;      // printable
  std::string problem;
};

struct RejectedPath;   // core/snapshot/load.h
std::vector<BadPath> bad_paths(std::vector<RejectedPath> const& rejected);   // in words

// A snapshot opened for reading, whatever its layout: manifest or list downloaded, decrypted where it is encrypted, verified, its entries in
// a catalog under `scratch_dir` (which must outlive it). An authenticated packed snapshot counts as Signature::valid.
struct LoadedSnapshot {
  ManifestRead manifest;
  Catalog catalog;                    // clean paths only
  std::vector<BadPath> bad_paths;     // the others: never restored, reported by name
  std::shared_ptr<PackedList> packed; // of the packed layout: where its chunks are named; else null
};
// `layout`: only there; else in the one that we write, and then in the other.
Result<LoadedSnapshot> load_snapshot(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir,
                                     std::optional<SnapshotLayout> layout = std::nullopt);

// Pure. May this snapshot be restored without being named (DESIGN rule 13)? With encryption on, only what carries our keyed
// digest and was written encrypted.
bool restores_unasked(Config const& config, SnapshotInfo const& info, Signature signature);

std::string target_name(EngineContext const& context);   // store name and prefix; the index keys by it
std::string target_name(std::string_view store, Config const& config);

}  // namespace b2b
