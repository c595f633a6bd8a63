// How a gateway of a state directory is started: would it start without openclaw.json? A restore counts on it
// that none does while its files are half swapped, so whoever restores asks this first.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace b2b {

struct GatewayLaunch {
  std::string home;                           // of the user that the gateway runs as
  std::vector<std::string> unit_directories;  // systemd's
  std::vector<std::string> start_command;     // gateway.start; empty: none is configured
  std::optional<int> pid;                     // of the gateway that runs, where one does
};

// The places on this machine: $HOME (or the account's), ~/.config/systemd/user, /etc/systemd/user,
// /etc/systemd/system.
GatewayLaunch gateway_launch_places();

// Where --allow-unconfigured was found, for the person ("the service file
// /home/a/.config/systemd/user/openclaw-gateway.service starts the gateway with --allow-unconfigured");
// nullopt: nowhere. Looks at the running gateway's command line, the start command, and the files of the
// services openclaw-gateway.service and openclaw-gateway-P.service (drop-ins included) that are for this
// state directory. A service whose state directory cannot be told counts.
std::optional<std::string> starts_unconfigured(std::string const& state_dir, GatewayLaunch const& launch);

// Pure: what one service file says, as far as it matters here.
struct GatewayUnit {
  bool allows_unconfigured = false;
  std::string state_dir;  // OPENCLAW_STATE_DIR; empty: not set
  std::string profile;    // OPENCLAW_PROFILE or --profile; empty: none
};
GatewayUnit parse_gateway_unit(std::string_view text);

}  // namespace b2b
