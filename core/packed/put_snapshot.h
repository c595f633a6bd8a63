// The last step of whatever makes a snapshot: its object is written once all that it names is known to be there to stay
// (docs/format.md, "Collection", rules 3 and 4).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "core/packed/chunk_writer.h"
#include "core/packed/repository.h"
#include "core/packed/snapshot_object.h"

namespace b2b::packed {

struct SnapshotToPut {
  SnapshotPayload const& snapshot;
  ChunkWriter::Start seen;                   // what its chunks were found by
  // Is each chunk that it needs in a pack that the record knows and no mark names?
  std::function<Result<bool>()> all_there;
  // SHA-256 of the object of that name that this one takes the place of; nullopt: there is none.
  std::optional<Sha256Digest> former;
};

// Packs and index objects must be durable before. Returns the bytes of the object; it is durable then.
// Errors: changed (another machine has made another repository here, or a collection took, or is about to take, what the snapshot relies on, or
// another object stands in the place of `former`; the snapshot is as it was before, then), not_found (what is to be replaced was removed meanwhile),
// the store's.
Result<std::uint64_t> put_snapshot(Repository& repository, SnapshotToPut put, std::stop_token const& stop);

// Is each chunk of its list in a pack that the record knows and no mark names?
Result<bool> list_is_there(ChunkIndex& index, SnapshotPayload const& snapshot);

}  // namespace b2b::packed
