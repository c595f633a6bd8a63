#include "core/gateway/installed.h"

#include <chrono>

#include "core/gateway/install.h"
#include "core/gateway/openclaw_output.h"
#include "core/notify/command.h"

namespace b2b {

std::string installed_openclaw(std::string const& state_dir, std::string const& home, EnvironmentMap const& environment,
                               std::stop_token const& stop, Clock& clock) {
  auto const path = environment.find("PATH");
  CommandArguments const command = openclaw_command(find_openclaw(state_dir, home, environment), state_dir, "",
                                                    path == environment.end() ? std::string() : path->second, {"--version"});
  if (command.empty()) return {};
  CommandOptions options;
  options.outside_service = true;
  options.timeout = std::chrono::seconds(30);
  CommandEvent event;
  event.event = "version";
  event.state_dir = state_dir;
  auto const outcome = run_command(command, event, environment, options, stop, clock);
  return outcome && outcome->good() ? parse_openclaw_version(outcome->output) : std::string();
}

}  // namespace b2b
