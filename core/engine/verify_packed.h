// Verify, for the packed layout: the repository is read as a machine would that knows nothing of it but the key. What is damaged is named with the
// snapshots and files that lose it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/verify.h"
#include "core/packed/survey.h"
#include "core/util/file.h"

namespace b2b {

// What a repair goes by.
struct PackedFindings {
  std::unique_ptr<TemporaryDirectory> scratch;
  std::unique_ptr<packed::Survey> survey;      // null: there is no repository, or it cannot be opened (a problem says so)
  std::uint64_t lost_chunks = 0;               // that snapshots need and no pack has
  std::uint64_t lost_snapshots = 0;            // whose object or list cannot be read, or that are gone
};

// Looks at the snapshots `ids` of the listing, and at what all of them share; `all`: these are all that there are. Adds to `report`. Memory is
// bounded, however many there are: at most 10,000 problems are named. Scratch space: 200 bytes for each chunk of the repository, a list, and with
// read_data four packs. Errors: the store's.
Result<PackedFindings> verify_packed(EngineContext& context, VerifyOptions const& options, std::vector<SnapshotId> const& ids, bool all,
                                     std::string const& scratch_dir, VerifyReport& report);

}  // namespace b2b
