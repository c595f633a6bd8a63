// Second half of a push: stores bodies under one snapshot's folder, many at a time, and then the manifest that makes
// them a snapshot. Used for regular snapshots (with a journal in the index, so that an interrupted push is resumed) and for
// safety captures in a local store (without).
//
// upload() and copy() may be called from any thread; each hands its work to a pool and blocks while that is full. What becomes
// of a body is reported through `stored`, one call at a time. The first failure that is not about one file alone stops
// everything; finish_bodies() returns it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/capture.h"
#include "core/engine/context.h"
#include "core/engine/writer_key.h"
#include "core/snapshot/catalog.h"
#include "core/snapshot/manifest.h"

namespace b2b {

struct SnapshotWriterOptions {
  Store* store = nullptr;
  std::string prefix;
  SnapshotId id;
  WriterKey key;
  Index* journal = nullptr;                 // null: not resumable
  Progress* progress = nullptr;
  std::uint64_t multipart_bytes = 100'000'000;  // bodies from here on have their IV in the journal before their upload begins
};

// What became of one body.
struct StoredBody {
  Entry entry;
  std::string stored_name;
  std::uint64_t stored_size = 0;
  std::optional<Skip> skip;                 // it could not be stored, for a reason of its own
  bool copy_failed = false;                 // copy(): the source is gone or different; the caller captures and uploads it
};

// Copies are requests that may be billed or capped, uploads are free: below this size an unchanged body is sent again.
inline std::uint64_t copy_worthwhile_bytes(Store const& store) { return store.traits().copy_is_free ? 0 : 128 << 10; }

class SnapshotWriter {
 public:
  SnapshotWriter(SnapshotWriterOptions options, std::function<void(StoredBody&&)> stored, std::stop_token stop);
  ~SnapshotWriter();                        // cancels what is under way

  void upload(CapturedFile file);
  // From another snapshot of the same store, without moving bytes through here.
  void copy(Entry entry, std::string from_key, std::uint64_t stored_size);

  bool failed() const;                      // stop feeding; finish_bodies() says why
  Result<void> finish_bodies();             // waits for all of them
  std::size_t key_room() const;
  std::uint64_t bytes_uploaded() const;     // stored size of the bodies sent

  // Makes all bodies durable, writes the manifest from `catalog` (entries whose stored_name is set, and directories and
  // symlinks) through `scratch_path`, and puts it. The snapshot exists when this returns.
  // Returns `info` as it was written.
  Result<SnapshotInfo> commit(SnapshotInfo info, Catalog& catalog, std::string const& scratch_path);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
