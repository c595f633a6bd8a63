// The last step of an in-place restore's staging: what belongs to this machine is put into the staged files,
// so that it changes places together with everything else. Credentials and identities in databases
// (carry_over.h), the B2 plugin's registration in openclaw.json (core/config/plugin_registration.h).
#pragma once

#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/restore_plan_store.h"
#include "core/engine/restore_site.h"
#include "core/snapshot/catalog.h"

namespace b2b {

struct MachineRules {
  std::string config_path;  // config_in_tree()
  std::string scratch;
  bool prefer_snapshot = false;  // --with-secrets
  bool fresh = false;            // the state directory is as a new installation leaves it
  bool as_root = false;
};

// After everything was verified, under the data lock and, when databases change, the fence. The files staged
// no longer equal the snapshot's then, which is said in the answer: sentences for the person. Errors end the
// restore; nothing was changed.
Result<std::vector<std::string>> keep_what_is_this_machines(EngineContext& context, RestoreSite const& site,
                                                            PlanStore& plan, Catalog& snapshot,
                                                            MachineRules const& rules);

}  // namespace b2b
