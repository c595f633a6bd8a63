// Snapshots of the plugin's layout that this machine knows as complete and that are none any more: the manifest is gone, or all of it. What a prune
// of this machine removes or began to remove is forgotten or written down, and is none of them.
#pragma once

#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "core/engine/index.h"

namespace b2b {

// What is remembered, before a listing that asks anew forgets what has no manifest. Kept apart from the index's snapshots, which are what may be
// restored and what retention counts.
class GoneManifests {
 public:
  static Result<GoneManifests> remember(EngineContext& context);

  struct Gone {
    SnapshotId id;
    bool has_bodies = false;   // only the manifest is gone
  };
  // Those that were kept, and then those that are new. Where others prune, too (the plugin, another machine), only those that have bodies still, and the newest.
  Result<std::vector<Gone>> missing_from(EngineContext& context, BucketListing const& listing) const;
  // They are no snapshots to anybody from here on. `keep`: they are told of again by the next one, else this was it.
  Result<void> settle(EngineContext& context, std::vector<Gone> const& gone, bool keep) const;

 private:
  std::vector<Index::Remembered> remembered_;   // oldest first
  std::vector<SnapshotId> told_;                // of earlier ones that nobody settled
};

}  // namespace b2b
