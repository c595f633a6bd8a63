// The list of a packed snapshot, read: its entries go into a catalog, the ids of their chunks into a scratch file beside it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/engine/bucket.h"
#include "core/packed/format.h"
#include "core/packed/repository.h"
#include "core/util/fd.h"

namespace b2b {

// Where the chunks of a snapshot's files are named. Thread-safe.
class PackedList {
 public:
  PackedList(std::shared_ptr<packed::Repository> repository, UniqueFd ids) : repository_(std::move(repository)), ids_(std::move(ids)) {}

  std::shared_ptr<packed::Repository> const& repository() const { return repository_; }
  // The ids of a file's chunks, in order, in portions of at most 1,024. `entry`: from the catalog that came with this list.
  Result<void> visit_chunks(CatalogEntry const& entry, std::function<Result<void>(std::span<packed::ChunkId const>)> const& visit) const;

 private:
  std::shared_ptr<packed::Repository> const repository_;
  UniqueFd const ids_;   // of an unlinked file: 32 bytes for each id
};

// As load_snapshot(), for a snapshot in the packed layout. Memory is bounded; 32 bytes of scratch file for each chunk.
Result<LoadedSnapshot> load_packed_snapshot(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir);

}  // namespace b2b
