// From a staged plan to the operations of the swap, in the order in which they must happen.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/engine/push.h"
#include "core/engine/restore_site.h"
#include "core/engine/swap_journal.h"
#include "core/snapshot/catalog.h"

namespace b2b {

struct CommitRules {
  bool as_root = false;
  std::string stamp;  // names the folders for what was there: "20260219T120000Z"
  // In place: is the file at this path held by the safety snapshot (or did the person do without one)? Then
  // its old content need not be kept in the quarantine folder.
  std::function<bool(std::string_view path)> may_be_dropped;
  // OpenClaw's configuration, in the tree: the first file that is moved away and the last one that comes back, also when this
  // restore does not change it, since no gateway starts without it. Empty: the order does not matter.
  std::string config_path;
};

struct CommitReport {
  std::uint64_t restored = 0;        // files and symbolic links placed, files given other metadata
  std::uint64_t moved_away = 0;      // what the snapshot does not hold
  std::vector<std::string> kept_in;  // folders (absolute) that hold what was there
};

// CommitRules::may_be_dropped after a safety snapshot: what its scope covers and it did not have to skip.
Result<std::function<bool(std::string_view path)>> held_by_safety(EngineContext const& context, SafetyReport const& taken);

using OperationSink = std::function<Result<void>(SwapOperation const&)>;

// Streams the operations into `sink`. Looks at the target again for what changed since it was planned: such a
// file is kept in quarantine. Makes the folders for what is kept in the staging places. changed: something is
// in the way that was not there before (a directory, a database).
Result<CommitReport> make_operations(RestoreSite const& site, PlanStore& plan, Catalog& snapshot,
                                     CommitRules const& rules, OperationSink const& sink);

}  // namespace b2b
