// How this gateway is stopped and started, and where OpenClaw's own program is. Pure but for find_openclaw(), which looks at
// files and starts nothing.
#pragma once

#include <string>
#include <vector>

#include "core/config/service_config.h"
#include "core/notify/command_line.h"

namespace b2b {

// What is found of OpenClaw on this machine for one state directory.
struct OpenclawInstall {
  std::string program;   // absolute path of `openclaw`; empty: not found
  std::string profile;   // for --profile; empty: the default one, or a state directory that belongs to none
  std::string unit;      // user unit of the gateway that OpenClaw installed; empty: none
  friend bool operator==(OpenclawInstall const&, OpenclawInstall const&) = default;
};

// Looks in PATH, then where npm, pnpm, Volta, Bun and nvm put programs. A unit counts only for a state directory where
// OpenClaw itself expects it (~/.openclaw, ~/.openclaw-P): it refuses to touch its service for any other.
OpenclawInstall find_openclaw(std::string const& state_dir, std::string const& home, EnvironmentMap const& environment);

// What to run; of several ones the next is tried when one fails.
struct GatewayCommands {
  std::vector<CommandArguments> stop;
  std::vector<CommandArguments> start;
  std::string missing;   // why it cannot be done, and what to configure; empty: both are known
  bool known() const { return missing.empty(); }
};

// gateway.stop and gateway.start of the configuration, each alone; for what is not configured there, the service of
// OpenClaw's own. A gateway that somebody started by hand has neither: it could be stopped and never started again, so that
// counts as not known.
GatewayCommands gateway_commands(GatewayConfig const& configured, OpenclawInstall const& install);

// `openclaw ARGUMENTS` for this state directory, wherever it runs: through env(1), since a command that the service manager
// starts has none of our variables. Empty without a program.
CommandArguments openclaw_command(OpenclawInstall const& install, std::string const& state_dir, std::string const& openclaw_json,
                                  std::string const& path, std::vector<std::string> const& arguments);

}  // namespace b2b
