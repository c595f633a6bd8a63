#include "core/notify/command_line.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/config/schema.h"
#include "core/util/encoding.h"
#include "core/util/error.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t value_bytes_max = 8192;  // of one variable; the system refuses more than 128 KB
constexpr std::array<std::string_view, 5> event_variables{"B2B_EVENT", "B2B_SNAPSHOT", "B2B_ERROR",
                                                          "B2B_STATE_DIR", "B2B_RECOVERED"};
// What systemd meant for this process alone (systemd.exec(5), sd_notify(3)). INVOCATION_ID tells a program
// that it is a service's main process.
constexpr std::array<std::string_view, 9> ours_alone{"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_PID",
                                                     "WATCHDOG_USEC",         "LISTEN_PID",    "LISTEN_FDS",
                                                     "LISTEN_FDNAMES",        "INVOCATION_ID", "MANAGERPID"};

bool is_withheld(std::string_view name) {
  auto const keys = key_table();
  bool const secret = std::any_of(keys.begin(), keys.end(),
                                  [&](KeySpec const& key) { return key.secret && key.environment == name; });
  return secret || std::find(ours_alone.begin(), ours_alone.end(), name) != ours_alone.end() ||
         std::find(event_variables.begin(), event_variables.end(), name) != event_variables.end();
}

bool has(EnvironmentMap const& environment, char const* name) {
  auto const found = environment.find(name);
  return found != environment.end() && !found->second.empty();
}

}  // namespace

EnvironmentMap command_environment(EnvironmentMap const& ours, CommandEvent const& event) {
  EnvironmentMap result;
  for (auto const& [name, value] : ours)
    if (!is_withheld(name)) result.emplace(name, value);
  auto const tell = [&](char const* name, std::string const& value) {
    if (!value.empty()) result.emplace(name, printable(std::string_view(value).substr(0, value_bytes_max)));
  };
  tell("B2B_EVENT", event.event);
  tell("B2B_SNAPSHOT", event.snapshot);
  tell("B2B_ERROR", event.error);
  // A path is passed as it is: a command opens it.
  if (!event.state_dir.empty()) result.emplace("B2B_STATE_DIR", event.state_dir);
  if (event.recovered) result.emplace("B2B_RECOVERED", "1");
  return result;
}

ServiceManagerKind service_manager(EnvironmentMap const& ours, bool is_root) {
  if (!has(ours, "INVOCATION_ID")) return ServiceManagerKind::none;
  if (has(ours, "MANAGERPID")) return ServiceManagerKind::user;
  return is_root ? ServiceManagerKind::system : ServiceManagerKind::none;
}

std::string bus_socket(ServiceManagerKind manager, EnvironmentMap const& ours) {
  if (manager == ServiceManagerKind::system) return "/run/dbus/system_bus_socket";
  if (manager == ServiceManagerKind::none || !has(ours, "XDG_RUNTIME_DIR")) return {};
  return join_path(ours.at("XDG_RUNTIME_DIR"), "bus");
}

CommandArguments outside_service_line(ServiceManagerKind manager, CommandArguments const& command,
                                      EnvironmentMap const& environment, std::chrono::milliseconds timeout) {
  B2B_ASSERT(manager != ServiceManagerKind::none && !command.empty());
  CommandArguments line{"systemd-run",
                        manager == ServiceManagerKind::user ? "--user" : "--system",
                        "--quiet",
                        "--collect",
                        "--pipe",
                        "--wait",
                        "--service-type=exec",
                        "--property=RuntimeMaxSec=" + std::to_string(timeout.count()) + "ms",
                        "--property=TimeoutStopSec=5"};
  for (std::string_view const name : event_variables)
    if (environment.contains(std::string(name))) line.push_back("--setenv=" + std::string(name));
  line.emplace_back("--");
  line.push_back(command.front());
  for (std::string const& argument : std::span(command).subspan(1)) {
    std::string escaped;
    for (char const c : argument)
      escaped.append(c == '$' ? 2 : 1, c);
    line.push_back(std::move(escaped));
  }
  return line;
}

}  // namespace b2b
