// Removes packs that no snapshot needs any more, in two steps that a day lies between, so that nobody who pushes meanwhile loses what they rely
// on (docs/format.md, "Collection", has the rules and why they hold). No lock: a crash anywhere leaves marks and orphans for the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/merge_index.h"
#include "core/packed/repack.h"
#include "core/packed/repository.h"

namespace b2b::packed {

struct CollectReport {
  std::uint64_t packs_removed = 0;
  std::uint64_t bytes_removed = 0;
  std::uint64_t packs_spared = 0;     // marked a day ago, and needed again
  std::uint64_t packs_marked = 0;     // to be removed by a collection in a day
  std::uint64_t bytes_marked = 0;
  std::uint64_t packs_repacked = 0;   // sparse and small ones: what is needed of them was put together in new packs
  std::uint64_t bytes_repacked = 0;   // of those new packs
  std::uint64_t indexes_merged = 0;   // small index objects that were put together
  std::uint64_t packs_to_forget = 0;  // that still hold what was taken out of snapshots (forget.h): more rounds are needed
};

struct CollectLimits {
  RepackLimits repack;
  MergeLimits merge;
};
// One round: removes what was marked long enough ago, repacks, marks what may go next, and puts small index objects together. `scratch_dir` as
// for ChunkReader; six packs lie in the folder "repacked" in it besides, at most. Call under the upload lock.
// Memory is bounded but for the packs, some 200 bytes each. Errors: refused (a snapshot, mark or index object cannot be read, so it is not
// known what is needed; a needed chunk is missing already: repair comes first; or a snapshot is hidden, hidden_repository.h); the store's.
Result<CollectReport> collect(std::shared_ptr<Repository> repository, std::string const& scratch_dir, std::stop_token const& stop,
                              CollectLimits const& limits = {});

}  // namespace b2b::packed
