// One pack, fetched whole and looked at from end to end.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/pack.h"
#include "core/packed/repository.h"

namespace b2b::packed {

struct PackFinding {
  std::string problem;                      // in words; empty: it is as it was written
  bool gone = false;
  std::vector<std::uint32_t> bad_boxes;     // numbers in `record`, ascending
  std::uint64_t bytes_read = 0;
};

// Fetches the pack into the new file `path`, which is gone when this returns. Its name must be its SHA-256, its directory must say what
// `record` says, and each box must decrypt and have the id of its chunk. What looks damaged is fetched once more before it is believed.
// `good`: called with each chunk that can be read (twice, perhaps). Memory: the directory, one box and its content.
// Errors: the store's, those of the local file, and of `good`.
using GoodChunk = std::function<Result<void>(ChunkPlace const& place, std::string const& content)>;
Result<PackFinding> check_stored_pack(Repository const& repository, PackRecord const& record, std::string const& path,
                                      std::stop_token const& stop, GoodChunk const& good = {});

// The directory of a pack in the store, without the rest of it; the id is set. not_found, corrupt, the store's.
Result<PackRecord> fetch_pack_directory(Repository const& repository, PackId const& id, std::uint64_t bytes, std::stop_token const& stop);

}  // namespace b2b::packed
