// Fetches everything a plan writes into the staging folders, verified and with its metadata, many transfers
// at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/fetch.h"
#include "core/engine/restore.h"
#include "core/engine/restore_site.h"

namespace b2b {

// What a person should hear about a staging that went through.
struct StageReport {
  std::uint64_t staged = 0;  // files and symbolic links
  std::uint64_t bytes = 0;   // fetched
  std::vector<RestoreFailure> failed;
  std::uint64_t metadata_failed =
      0;                         // attributes, owners or modes that the target's file system did not take
  std::string metadata_problem;  // the first of them
};

// Rows that were staged are marked so in the plan, and left alone when they are already; failed ones are not.
// An error ends it all, and nothing has changed at the target: cancelled, no_space, unreachable (and what
// else concerns the store as a whole), or the first failure when not a single file could be fetched.
Result<StageReport> stage_files(EngineContext& context, RestoreSite const& site, PlanStore& plan,
                                Catalog& snapshot, BodyFetcher& fetcher, bool as_root);

}  // namespace b2b
