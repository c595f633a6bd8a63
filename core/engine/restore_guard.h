// May this restore change databases where they are? A gateway that has them open destroys them, and it itself
// is left with errors: so only where the state directory is as new, the gateway is known to be stopped and
// nobody has them open.
#pragma once

#include <string>

#include "core/engine/context.h"
#include "core/engine/restore_plan_store.h"
#include "core/engine/restore_site.h"

namespace b2b {

// refused: says why, and what works instead. Asked when the plan is made and again right before the swap.
Result<void> guard_databases(EngineContext& context, RestoreSite const& site, PlanStore& plan,
                             PlanTotals const& totals);

}  // namespace b2b
