// Puts a repository in order again, by the rules of docs/format.md ("Repair"): what packs say goes back into the index, and packs that are damaged
// or gone leave it, so that what only they had counts as absent and is stored again by the next push that has it. Whoever calls holds the upload
// lock, and had the record of chunks synced.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/repository.h"
#include "core/packed/survey.h"

namespace b2b::packed {

struct IndexRepair {
  std::uint64_t packs_named = 0;                // that no index object named any more
  std::uint64_t objects_removed = 0;            // damaged index objects
  std::vector<std::string> problems;            // packs whose directory cannot be read either
};

// Index objects that are missing or damaged are written anew from the packs' own directories; the damaged ones go. Durable when it returns.
// Memory: an index object, and a directory. Errors: the store's.
Result<IndexRepair> repair_index(Repository& repository, Survey const& survey, std::stop_token const& stop);

struct PackRepair {
  std::uint64_t packs_removed = 0;              // from the index, and from the store those that were there still
  std::uint64_t chunks_saved = 0;               // whole ones of damaged packs, stored in new packs
  std::uint64_t bytes_uploaded = 0;
};

// Takes `survey`'s bad packs out. `spool_dir` as for ChunkWriter, `scratch_dir` for one pack at a time. A crash on the way leaves more than
// is needed, never less.
Result<PackRepair> remove_bad_packs(std::shared_ptr<Repository> repository, Survey& survey, std::string const& spool_dir, std::string const& scratch_dir,
                                    std::stop_token const& stop);

}  // namespace b2b::packed
