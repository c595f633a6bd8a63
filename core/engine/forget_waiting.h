// What this machine itself still has of paths that are to be forgotten, and would bring back: captures and safety snapshots that wait for their
// upload, and the record of the last snapshot.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine/context.h"

namespace b2b {

using CoversPath = std::function<bool(std::string const& path, bool is_directory)>;

// Ids of those for this store that wait and hold something of it, or cannot be looked into. Ask under the upload lock; under the data lock, too, none can
// come meanwhile.
Result<std::vector<std::string>> waiting_with(EngineContext& context, CoversPath const& covers, std::string const& scratch_dir);

// Takes them out of the record of the last snapshot, where that lies in the packed layout: it names them, and once their contents are gone a push would
// take that for a loss. A file that is there all the same counts as new. The caller holds both locks.
Result<void> forget_in_record(EngineContext& context, CoversPath const& covers);

}  // namespace b2b
