// The last step of a restore: its parts are put in place, all of them or none.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/restore_part.h"

namespace b2b {

struct SwapOrder {
  std::vector<RestorePart*> parts;  // in the order in which they are swapped; the journal of the last one counts for all
  std::function<CommitRules(RestorePart const&)> rules;
  std::optional<std::string> about; // databases of the state directory change, and this is for whoever finishes it after a crash
  // Everything is written down, nothing was changed yet; what will be restored and moved, by part. An error: nothing happens.
  std::function<Result<void>(std::vector<CommitReport> const&)> ready;
  SwapHook hook;
};

// An error: everything is as it was, or (the message says so) the next job goes on with it.
Result<void> swap_parts(SwapOrder const& order);

}  // namespace b2b
