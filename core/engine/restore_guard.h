// May this restore change databases where they are? A gateway that has them open destroys them, and it itself
// is left with errors. So in place they change only while the gateway is known to be stopped, the fence keeps
// it from starting (core/gateway/fence.h) and nobody else has them open.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/restore_plan_store.h"
#include "core/engine/restore_site.h"
#include "core/gateway/fence.h"
#include "core/snapshot/manifest.h"

namespace b2b {

// In place, and databases, or plain files that the gateway holds in memory (gateway_files.h), would be replaced, moved away or made: the fence
// is needed.
bool needs_fence(RestoreSite const& site, PlanTotals const& totals);

enum class GuardQuestion {
  everything,
  all_but_the_running_gateway,  // somebody is going to stop it
};

// refused: says why, and what works instead. Asked when the plan is made and again, under the fence, right
// before the swap.
Result<void> guard_databases(EngineContext& context, RestoreSite const& site, PlanStore& plan,
                             PlanTotals const& totals, GuardQuestion question = GuardQuestion::everything);

// refused: databases of a newer OpenClaw than is installed, which the installed one would not open.
// `ask` tells what is installed; none, or an empty answer: it is not known. Then the version that last wrote openclaw.json here has to do, and a
// snapshot of this machine is taken to fit, since a restore brings that file back, too. Where one of the two
// versions is not known, there is nothing to refuse.
Result<void> guard_version(EngineContext const& context, RestoreSite const& site, PlanTotals const& totals,
                           SnapshotInfo const& snapshot, std::function<std::string()> const& ask);

// A gateway, that is: no other program of OpenClaw's that has its lock.
bool gateway_of_ours_runs(EngineContext const& context);

// Asks for the gateway as guard_databases() does, then raises the fence.
Result<GatewayFence> raise_fence(EngineContext& context);

// `check` (RestoreOptions::check_staged) for each staged database; its texts are added to `notes`.
Result<void> check_staged_databases(RestoreSite const& site, PlanStore& plan,
                                    std::function<Result<std::string>(std::string const&, std::string const&)> const& check,
                                    std::vector<std::string>& notes);

}  // namespace b2b
