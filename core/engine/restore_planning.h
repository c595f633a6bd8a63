// The plan of a restore for one snapshot and one target, made and, when time has passed, made again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "core/engine/restore.h"
#include "core/engine/restore_plan_store.h"
#include "core/engine/restore_site.h"

namespace b2b {

struct RestorePlan {
  PlanStore store;
  PlanTotals totals;
  std::int64_t began_ns = 0;  // wall clock when the target was looked at first
  std::vector<RestoreFailure> refused;
  std::vector<std::string> notes;
};

struct PlanningInput {
  EngineContext& context;
  RestoreSite const& site;
  SnapshotInfo const& info;
  Catalog& catalog;                       // what belongs to this site, with paths in it
  std::string const& label;               // of a root: what the snapshot has before them
  std::vector<std::string> const& paths;  // globs; empty: everything
  bool everything;                        // what the snapshot does not hold is moved away
  std::string const& scratch;
};

// Compares the snapshot with the target. `before`: an earlier plan for the same; what it found out about a
// file is taken over when the file is surely the same one still, so that its content is not read again.
// Errors: refused (the snapshot is none of a state directory), cancelled, and of reading.
Result<RestorePlan> make_restore_plan(PlanningInput const& input, RestorePlan* before);

// Gives the files that were staged for `before` to the new plan, where it wants them too.
Result<void> carry_staged(PlanStore& before, PlanStore& now, Catalog& snapshot);

// Adds what of `paths` (globs) the snapshot does not hold to `failed`. not_found: it holds nothing of them.
Result<void> name_missing_paths(Catalog& snapshot, SnapshotId const& id, std::vector<std::string> const& paths,
                                std::vector<RestoreFailure>& failed);

// How many paths of the plan are to be staged yet, apart from those that failed.
Result<std::uint64_t> count_unstaged(PlanStore& plan, std::vector<RestoreFailure> const& failed);

}  // namespace b2b
