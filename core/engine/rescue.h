// Where bodies lie, by content: for snapshots whose own folder lacks some (the plugin uploads only what changed and lists
// everything), every other snapshot's objects are candidates.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

struct StoredObject {
  std::string key;
  std::uint64_t stored_size = 0;
};

class Rescue {
 public:
  // Reads the manifest and lists the folder of every readable snapshot in `listing`; what a manifest names and its folder holds at
  // a plausible size is a candidate. Any number of them: they are kept in a file under `scratch_dir`. Snapshots that
  // cannot be read are left out and named in unread(); errors are the store's.
  static Result<std::unique_ptr<Rescue>> build(EngineContext& context, BucketListing const& listing,
                                               std::string const& scratch_dir);

  // Objects said to hold this content, those of newer snapshots first, at most 32. Nothing is verified yet. Thread-safe.
  Result<std::vector<StoredObject>> candidates(Sha256Digest const& hash, std::uint64_t size);

  std::vector<std::string> const& unread() const { return unread_; }

 private:
  explicit Rescue(Catalog objects) : objects_(std::move(objects)) {}
  Result<void> add_snapshot(EngineContext& context, SnapshotId const& id, std::size_t rank, std::string const& scratch_dir);

  std::mutex mutex_;                  // guards objects_
  Catalog objects_;                   // path: <hash>/<rank, newest first>/<key>; stored_name: the key
  std::vector<std::string> unread_;
};

}  // namespace b2b
