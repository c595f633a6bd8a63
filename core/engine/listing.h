// What the listings of both layouts do alike.
#pragma once

#include <functional>

#include "core/engine/bucket.h"

namespace b2b {

// Runs `work(0 … count-1)` on several threads; the first failure, by number, is the result.
Result<void> for_each_parallel(EngineContext& context, std::size_t count, std::function<Result<void>(std::size_t)> const& work);

// Is an error about this one snapshot (or its repository), and not about the store as a whole?
bool concerns_one_object(Condition condition);

ListedSnapshot only_an_id(SnapshotId const& id);
// Fills in what the index remembers of it, in its layout; false: nothing, or it is to be asked for again.
Result<bool> recall_listed(EngineContext& context, bool recheck, ListedSnapshot& listed);
// A cache only: where it cannot be written (a full disk), the bucket is asked again next time.
void remember_listed(EngineContext& context, ListedSnapshot const& listed);

// The names of the folders directly below `below` (a key prefix with '/' at its end, or empty), and whether a manifest lies there.
Result<std::vector<std::string>> folders_below(EngineContext& context, std::string const& below, bool& has_manifest);

}  // namespace b2b
