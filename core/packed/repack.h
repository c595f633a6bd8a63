// Packs of which little is needed, and small ones, made into full ones: what is needed of them is stored once more, in new packs. A
// collection then finds the old ones unneeded (docs/format.md, "Repacking").
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/repository.h"

namespace b2b::packed {

struct RepackLimits {
  unsigned sparse_percent = 60;                     // packs of which less is needed (of the bytes of boxes) are repacked, and
  unsigned waste_percent = 10;                      // the sparsest, until no more than this is unneeded, beside what is needed
  std::uint64_t small_bytes = 4 << 20;              // packs below are put together when there are
  std::size_t small_packs = 8;                      // so many of them, or
  std::uint64_t small_fill_bytes = 16 << 20;        // when they have so much between them
  std::uint64_t round_bytes = std::uint64_t{1} << 30;  // that one round reads at most (one pack it always may)
};

// A pack that may be repacked: it lies in the store, is named by the index and by no mark, and old enough to be marked.
struct RepackCandidate {
  PackId id{};
  std::uint64_t bytes = 0;      // of the object
  std::uint64_t box_bytes = 0;
  std::uint64_t needed = 0;     // of those; what another pack is kept for does not count. More than nothing.
  bool forgotten = false;       // it holds what was taken out of snapshots (forget.h)
};

// Which ones to repack: those with something forgotten first, however full they are, then the sparsest first. Of small ones those stay for which the smaller ones together are no match, so that what
// grows day by day is not written again every day. Pure.
std::vector<PackId> choose_packs(std::vector<RepackCandidate> candidates, RepackLimits const& limits);

struct Repacked {
  std::uint64_t packs = 0;   // of which all that is needed lies elsewhere now
  std::uint64_t bytes = 0;   // of the new packs
};

// Stores again what ChunkIndex::share_out_live() gave to these packs, and writes the index of the new packs: it is durable when this returns.
// Each chunk is checked on its way. A pack with a chunk that cannot be read is left as it is; one that is damaged with a warning in the log. Memory as for
// ChunkReader and ChunkWriter; `scratch_dir` as for collect(). Errors: the store's, those of ChunkWriter; what was stored until then stays.
Result<Repacked> repack(std::shared_ptr<Repository> repository, std::span<PackId const> packs, std::string const& scratch_dir,
                        std::stop_token const& stop);

}  // namespace b2b::packed
