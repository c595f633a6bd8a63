// Is there room for a restore? Asked before anything is fetched.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/restore_site.h"

namespace b2b {

// no_space: which disk, how much is needed and how much is there. What is moved away costs nothing; a safety
// snapshot costs about what the state directory's files take, in the data directory.
struct SpaceNeed {
  RestoreSite const* site = nullptr;
  std::map<std::string, PlanStore::MountNeeds> mounts;
};
Result<void> check_space(EngineContext& context, std::vector<SpaceNeed> const& needs, bool with_safety);

}  // namespace b2b
