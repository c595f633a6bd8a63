// Is all there that should be? By lists: of snapshots, which are compared with those that this machine knows, and of packs, which are compared
// with the index objects. Nothing else is read unless something is missing. For the packed layout; of the plugin's, which others prune too,
// nothing is known that must be there but the last snapshot, and its bodies are listed with the pushes.
#pragma once

#include <string>

#include "core/engine/verify.h"

namespace b2b {

// `objects` of the report: packs and index objects. What seems to be missing is looked for by verify() before it is called a problem, so
// a collection that goes on meanwhile raises no alarm. Needs the packed layout's index anew in `scratch_parent`, some 200 bytes for a chunk.
// Errors: the store's.
Result<VerifyReport> look_for_all(EngineContext& context, std::string const& scratch_parent);

}  // namespace b2b
