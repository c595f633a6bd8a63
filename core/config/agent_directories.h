// Workspaces and directories of agents as openclaw.json places them. Those outside of the state directory are backed up
// as roots of their own; those inside it are taken whole, wherever they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/config/openclaw_config.h"

namespace b2b {

struct AgentDirectories {
  std::vector<AgentRoot> roots;       // outside; in the order of their labels, none inside another
  std::vector<std::string> inside;    // in the state directory, relative to it
  std::vector<std::string> warnings;  // those that cannot be known; bounded
  bool known = false;                 // openclaw.json could be read that far
};

// From OPENCLAW_WORKSPACE_DIR, agents.defaults.workspace, and `workspace` and `agentDir` of agents.entries.* and
// agents.list[], symbolic links followed. A directory of several agents is one, and one that lies inside another is part of that.
// A part of the file that cannot be read is a warning. Values of variables are not shown: agents write the
// file, and a variable may hold a secret.
AgentDirectories find_agent_directories(ConfigSources const& sources, std::string const& state_dir,
                                        OpenClawConfig& config);

// "@workspace-" and the agent's name, in which everything but letters, digits, '.', '_' and '-' is written as %XX. Pure.
std::string root_label(std::string_view kind, std::string_view agent);

}  // namespace b2b
