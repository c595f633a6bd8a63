// Snapshots of a repository: written, listed, read.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/chunk_reader.h"
#include "core/packed/chunk_writer.h"
#include "core/packed/entry_lines.h"
#include "core/packed/repository.h"
#include "core/packed/snapshot_object.h"
#include "core/snapshot/catalog.h"

namespace b2b::packed {

// Makes a snapshot of the entries in `catalog`: all directories and symbolic links, and the files whose stored_name is set, of which the
// contents were handed to store_content(). Fills in id, counts and completeness, as they are returned. The order: packs, index, and then,
// when all of that is durable and `config` still names this repository, the snapshot object. It exists when this returns.
// Errors: changed (another machine has made another repository here, or a collection took what the snapshot relied on: push again; it exists
// not, then), internal (a content is not known), the store's.
struct CommittedSnapshot {
  SnapshotInfo info;
  std::uint64_t bytes_uploaded = 0;  // of the index and snapshot objects; the writer counts packs
};
Result<CommittedSnapshot> commit_snapshot(Repository& repository, ChunkWriter& writer, SnapshotInfo info, Catalog& catalog,
                                          std::stop_token const& stop);

// Names of snapshot objects, oldest first; `prefix` is that of the plugin's layout. One list request for a thousand. Asks for no key.
Result<std::vector<SnapshotId>> list_snapshots(Store& store, std::string_view prefix, std::stop_token const& stop);

// Its object; downloaded once more when it looks damaged. `digest`: gets the SHA-256 of that object. not_found, corrupt, unsupported.
Result<SnapshotPayload> read_snapshot(Repository const& repository, SnapshotId const& id, std::stop_token const& stop,
                                      Sha256Digest* digest = nullptr);

// Are the contents of all files in `catalog` that are stored (see commit_snapshot()) in packs that the record knows and no mark names?
Result<bool> contents_are_there(ChunkIndex& index, Catalog& catalog);

// Does every chunk that it needs lie in a pack that the record of chunks knows and no mark names? After sync_index() and look_for_packs().
// False also where its list cannot be read.
Result<bool> is_whole(std::shared_ptr<Repository> const& repository, SnapshotId const& id, std::string const& scratch_dir, std::stop_token const& stop);

Result<bool> is_whole(std::shared_ptr<Repository> const& repository, SnapshotPayload const& snapshot, std::string const& scratch_dir,
                      std::stop_token const& stop);

// Its list, entry by entry. corrupt when it is not as long as it says, or a piece is damaged.
Result<void> read_list(ChunkReader& reader, SnapshotPayload const& snapshot, EntryLineVisitor& visitor);

}  // namespace b2b::packed
