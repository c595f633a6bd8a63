// Snapshots that somebody made invisible, by deletes without a version, and that are there still. What was found is remembered, so that the status tells
// it as long as it is so.
#pragma once

#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/snapshot/id.h"

namespace b2b {

// How many were hidden and when, and how they are read, in a sentence or two for a person; empty: none, or the store keeps no versions. Of both
// layouts. Lists all versions under the prefix and the repository's: for when the ordinary list shows nothing, or a person asks. Errors: the
// store's; where the application key may not list versions, there is nothing to tell.
Result<std::string> hidden_snapshots(EngineContext& context);

// The same of packed snapshots alone, whose objects lie together: one request for a thousand versions of them, while none is hidden. Remembered.
Result<std::string> look_for_hidden_packed(EngineContext& context);

// A snapshot of the plugin's layout whose manifest is hidden, so that its folder looks like an upload that was never finished: a sentence; empty: it is
// not. One request.
Result<std::string> hidden_manifest(EngineContext& context, SnapshotId const& id);
// All that a look at the folders found; remembered.
Result<void> remember_hidden_manifests(EngineContext& context, std::vector<std::string> const& found);

// What is remembered, a sentence each. Of `config` its place in the store counts.
Result<std::vector<std::string>> known_hidden(Index& index, Config const& config);

}  // namespace b2b
