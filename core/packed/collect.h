// Removes packs that no snapshot needs any more, in two steps that a day lies between, so that nobody who pushes meanwhile loses what they rely
// on (docs/format.md, "Collection", has the rules and why they hold). No lock: a crash anywhere leaves marks and orphans for the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/repository.h"

namespace b2b::packed {

struct CollectReport {
  std::uint64_t packs_removed = 0;
  std::uint64_t bytes_removed = 0;
  std::uint64_t packs_spared = 0;     // marked a day ago, and needed again
  std::uint64_t packs_marked = 0;     // to be removed by a collection in a day
  std::uint64_t bytes_marked = 0;
};

// One round: removes what was marked long enough ago, and marks what may go next. `scratch_dir` as for ChunkReader.
// Memory is bounded but for the packs, some 200 bytes each. Errors: refused (a snapshot, mark or index object cannot be read, so it is not
// known what is needed; or a needed chunk is missing already: repair comes first); the store's.
Result<CollectReport> collect(std::shared_ptr<Repository> repository, std::string const& scratch_dir, std::stop_token const& stop);

}  // namespace b2b::packed
