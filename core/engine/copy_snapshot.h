// A snapshot written once more in another layout, under the same id: what `daemonctl copy --to-layout` does, and what becomes of a safety
// snapshot, which is captured in the plugin's layout, when it is sent to a packed store.
#pragma once

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

struct CopyReport {
  SnapshotInfo info;              // as it was written
  std::uint64_t bytes_uploaded = 0;
  bool was_there = false;         // nothing was done: it lies there already
};

// From `source` (its own store and prefix, `from`) into the store of `context`. Every body is verified on the way; contents stream through
// scratch files within limits.spool. One that cannot be read ends it: a copy that lacks files would not be the snapshot that its id names.
// The caller holds the upload lock of `context`. Errors: unsupported (the plugin wrote it, which knows neither directories nor modes);
// those of reading it; the store's.
Result<CopyReport> copy_snapshot(EngineContext& source, SnapshotId const& id, SnapshotLayout from, EngineContext& context, SnapshotLayout to);

}  // namespace b2b
