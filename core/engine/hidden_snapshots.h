// Snapshots that somebody made invisible, by deletes without a version, and that are there still.
#pragma once

#include <string>

#include "core/engine/context.h"

namespace b2b {

// How many were hidden and when, and how they are read, in a sentence or two for a person; empty: none, or the store keeps no versions. Of both
// layouts. Lists all versions under the prefix and the repository's: for when the ordinary list shows nothing, or a person asks. Errors: the
// store's; where the application key may not list versions, there is nothing to tell.
Result<std::string> hidden_snapshots(EngineContext& context);

}  // namespace b2b
