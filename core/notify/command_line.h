// What a command of the configuration is started with: its arguments and its environment. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/service_config.h"

namespace b2b {

// What the command is told, as variables; empty ones are not set.
struct CommandEvent {
  std::string event;       // B2B_EVENT: "success", "failure", "stale", "gateway-stop", …
  std::string snapshot;    // B2B_SNAPSHOT: an id
  std::string error;       // B2B_ERROR: what went wrong, one line
  std::string state_dir;   // B2B_STATE_DIR
  bool recovered = false;  // B2B_RECOVERED=1: a success after failures that were told
};

using EnvironmentMap = std::map<std::string, std::string>;

// Our own environment for the command: without the secrets of the configuration and without what systemd gave
// to us alone (credentials, the notify socket, the watchdog, passed sockets), and with the event. Values are
// cut at 8 KB and made printable.
EnvironmentMap command_environment(EnvironmentMap const& ours, CommandEvent const& event);

// Where a command runs that shall not share our sandbox and our control group (so that it may do what we may
// not, and outlives us).
enum class ServiceManagerKind { none, user, system };

// `user` when a user's systemd started us ($INVOCATION_ID and $MANAGERPID are set), `system` when the
// system's did and we are root, else `none`: an ordinary user may not start units of the system's manager.
ServiceManagerKind service_manager(EnvironmentMap const& ours, bool is_root);
// The socket over which systemd-run asks that manager; empty when it cannot be told. Without it, it is no
// use.
std::string bus_socket(ServiceManagerKind manager, EnvironmentMap const& ours);

// The command as a transient service of that manager: systemd-run --pipe --wait. A scope would leave our
// control group and keep our sandbox, since its process is still a child of ours; a service is started by the
// manager. The event's variables, as far as `environment` has them, are passed by name, so that their values
// do not show in a list of processes. `timeout` also bounds the service itself, for the case that systemd-run
// is killed. Dollar signs are doubled, since the manager would replace variables. `manager` must not be none.
CommandArguments outside_service_line(ServiceManagerKind manager, CommandArguments const& command,
                                      EnvironmentMap const& environment, std::chrono::milliseconds timeout);

}  // namespace b2b
