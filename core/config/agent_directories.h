// Workspaces and directories of agents that openclaw.json puts outside of the state directory. Only the state
// directory is backed up, so each of them has to be named, or it would be missed on the day it is needed.
#pragma once

#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/config/openclaw_config.h"

namespace b2b {

// A warning for each directory in agents.defaults.workspace, agents.entries.*.workspace and
// agents.entries.*.agentDir that lies outside of the state directory, symbolic links followed, or of which
// that cannot be known; bounded. A part of the file that cannot be read is a warning, too. Values of
// variables are not shown: agents write the file, and a variable may hold a secret.
std::vector<std::string> warn_of_outside_directories(ConfigSources const& sources,
                                                     std::string const& state_dir, OpenClawConfig& config);

}  // namespace b2b
