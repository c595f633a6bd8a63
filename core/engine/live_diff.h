// A catalog of the live state, made to be compared with a snapshot.
#pragma once

#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

// Scans the roots with the scope that the snapshot records (the plugin's: its rules) and fills a catalog under
// `scratch_dir`. What the stat key cannot decide is captured, as a push would, and hashed; nothing is kept of it. Files that
// cannot be read are entered as the snapshot has them, and named in `notes`.
Result<Catalog> catalog_live_state(EngineContext& context, LoadedSnapshot& snapshot, std::string const& scratch_dir,
                                   std::vector<std::string>& notes);

}  // namespace b2b
