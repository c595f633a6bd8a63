// The engine's reports as the JSON that `--json` prints and the API answers (docs/commands.md), and what an answer means for
// the exit code. Pure. Names and texts in answers are printable; exact bytes are in path64 where they matter.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/prune.h"
#include "core/engine/push.h"
#include "core/engine/forget_paths.h"
#include "core/engine/repair.h"
#include "core/engine/restore.h"
#include "core/engine/verify.h"
#include "core/snapshot/catalog.h"
#include "core/snapshot/diff.h"

namespace b2b::jobs {

boost::json::array texts_answer(std::vector<std::string> const& texts);
boost::json::object push_answer(PushReport const& report);
boost::json::object restore_answer(RestoreReport const& report);
boost::json::object verify_answer(VerifyReport const& report);
boost::json::object repair_answer(RepairReport const& report);
boost::json::object forget_answer(ForgetReport const& report);
boost::json::object prune_answer(PruneReport const& report);
boost::json::object snapshot_answer(ListedSnapshot const& snapshot);   // one row of snapshots
boost::json::object entry_answer(CatalogEntry const& row);             // one row of ls
boost::json::object difference_answer(Difference const& difference);   // one row of diff

// "Done, but not everything": exit code 3. For the answers of push, restore (also when the gateway is not up again) and verify;
// the others are always whole.
bool is_incomplete(boost::json::object const& answer);
// 0, 3 for an incomplete answer, 77 for a prune that is paused. For the answer of any job.
int exit_code_of_answer(boost::json::object const& answer);

inline constexpr int exit_incomplete = 3;

}  // namespace b2b::jobs
