// Second half of a push: stores bodies, many at a time, and then what makes them a snapshot. One writer for each layout: PluginWriter
// (plugin_writer.h) and PackedWriter (packed_writer.h).
//
// upload() and copy() may be called from any thread; each hands its work to a pool and blocks while that is full. What becomes
// of a body is reported through a callback, one call at a time. The first failure that is not about one file alone stops
// everything; finish_bodies() returns it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/capture/capture.h"
#include "core/engine/context.h"
#include "core/snapshot/catalog.h"
#include "core/snapshot/manifest.h"

namespace b2b {

// What became of one body.
struct StoredBody {
  Entry entry;
  std::string stored_name;
  std::uint64_t stored_size = 0;
  std::optional<Skip> skip;                 // it could not be stored, for a reason of its own
  bool copy_failed = false;                 // copy(): the source is gone or different; the caller captures and uploads it
};
// As a catalog has it. `state`: CatalogEntry::state.
inline CatalogEntry stored_row(StoredBody&& body, std::uint32_t state = 0) {
  return {std::move(body.entry), std::move(body.stored_name), body.stored_size, state};
}
using BodyStored = std::function<void(StoredBody&&)>;

class SnapshotWriter {
 public:
  virtual ~SnapshotWriter() = default;      // cancels what is under way

  virtual void upload(CapturedFile file) = 0;
  // What another snapshot of the same store and layout holds, without moving bytes through here: `held` is its entry, with the same
  // content as `entry`.
  virtual void copy(Entry entry, SnapshotId const& from, CatalogEntry const& held) = 0;
  // Does a copy of that cost less than capturing and uploading it again?
  virtual bool copy_pays(CatalogEntry const& held) const = 0;

  virtual bool failed() const = 0;          // stop feeding; finish_bodies() says why
  virtual Result<void> finish_bodies() = 0; // waits for all of them
  virtual std::uint64_t bytes_uploaded() const = 0;

  // Makes all bodies durable and writes the snapshot of what stands in `catalog` (entries whose stored_name is set, and directories and
  // symlinks). It exists when this returns. `scratch_path`: a file that may be made meanwhile.
  // Returns `info` as it was written. changed: what it relied on was taken by a collection; push again.
  virtual Result<SnapshotInfo> commit(SnapshotInfo info, Catalog& catalog, std::string const& scratch_path) = 0;
};

// Failures that concern one file, not the push: the others go on (DESIGN rule 4).
inline bool concerns_one_file(Condition condition) {
  return condition == Condition::changed || condition == Condition::usage || condition == Condition::unsupported;
}

}  // namespace b2b
