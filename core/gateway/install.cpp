#include "core/gateway/install.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "core/config/own_file.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string value_of(EnvironmentMap const& environment, char const* name) {
  auto const found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::string without_slash(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return std::string(path);
}

// The newest node that nvm installed, as it sorts.
std::vector<std::string> nvm_places(std::string const& home) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::vector<std::string> out;
  std::string const versions = join_path(home, ".nvm/versions/node");
  std::unique_ptr<DIR, Close> const dir(::opendir(versions.c_str()));
  while (dirent const* const entry = dir ? ::readdir(dir.get()) : nullptr)
    if (entry->d_name[0] == 'v') out.push_back(join_path(versions, std::string(entry->d_name) + "/bin"));
  std::sort(out.rbegin(), out.rend());
  return out;
}

std::string find_program(std::string const& home, EnvironmentMap const& environment) {
  std::vector<std::string> places;
  std::string const path = value_of(environment, "PATH");
  for (std::size_t at = 0; at <= path.size();) {
    std::size_t const colon = std::min(path.find(':', at), path.size());
    if (colon > at && path[at] == '/') places.push_back(path.substr(at, colon - at));  // never the working directory
    at = colon + 1;
  }
  for (char const* const below_home : {".npm-global/bin", ".local/bin", ".local/share/pnpm", ".volta/bin", ".bun/bin"})
    places.push_back(join_path(home, below_home));
  for (std::string& place : nvm_places(home)) places.push_back(std::move(place));
  for (char const* const place : {"/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"}) places.emplace_back(place);
  for (std::string const& place : places) {
    std::string program = join_path(place, "openclaw");
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

}  // namespace

OpenclawInstall find_openclaw(std::string const& state_dir, std::string const& home, EnvironmentMap const& environment) {
  OpenclawInstall install;
  install.program = find_program(home, environment);
  std::string const directory = without_slash(state_dir), home_directory = without_slash(home);
  install.profile = profile_of_state_dir(directory, home_directory);
  if (install.profile.empty() && directory != join_path(home_directory, ".openclaw")) return install;
  std::string config = value_of(environment, "XDG_CONFIG_HOME");
  if (config.empty() || config.front() != '/') config = join_path(home, ".config");
  std::string const unit = "openclaw-gateway" + (install.profile.empty() ? std::string() : "-" + install.profile) + ".service";
  if (path_exists(join_path(join_path(config, "systemd/user"), unit))) install.unit = unit;
  return install;
}

GatewayCommands gateway_commands(GatewayConfig const& configured, OpenclawInstall const& install) {
  GatewayCommands out;
  auto const service = [&](std::vector<std::string> const& openclaw_words, char const* systemctl_verb) {
    std::vector<CommandArguments> commands;
    if (install.unit.empty()) return commands;
    if (!install.program.empty()) {
      CommandArguments command{install.program};
      if (!install.profile.empty()) command.insert(command.end(), {"--profile", install.profile});
      command.insert(command.end(), openclaw_words.begin(), openclaw_words.end());
      commands.push_back(std::move(command));
    }
    commands.push_back({"systemctl", "--user", systemctl_verb, install.unit});
    return commands;
  };
  // Without --force it refuses to stop a gateway where no terminal is.
  out.stop = configured.stop.empty() ? service({"gateway", "stop", "--force"}, "stop") : std::vector<CommandArguments>{configured.stop};
  out.start = configured.start.empty() ? service({"gateway", "start"}, "start") : std::vector<CommandArguments>{configured.start};
  if (!out.stop.empty() && !out.start.empty()) return out;
  if (configured.stop.empty() && configured.start.empty()) {
    out.missing = "it is not known how this gateway is stopped and started: OpenClaw has installed no service for it, and gateway.stop and "
                  "gateway.start are not configured";
  } else {
    out.missing = std::string(out.stop.empty() ? "gateway.start" : "gateway.stop") + " is configured and " +
                  (out.stop.empty() ? "gateway.stop" : "gateway.start") + " is not, so the gateway could not be " +
                  (out.stop.empty() ? "stopped" : "started again");
  }
  return out;
}

CommandArguments openclaw_command(OpenclawInstall const& install, std::string const& state_dir, std::string const& openclaw_json,
                                  std::string const& path, std::vector<std::string> const& arguments) {
  if (install.program.empty()) return {};
  // Its first line asks env(1) for node, which lies beside it more often than not.
  CommandArguments command{"/usr/bin/env", "PATH=" + parent_path(install.program) + ":" + (path.empty() ? std::string(default_path) : path),
                           "OPENCLAW_STATE_DIR=" + state_dir};
  if (!openclaw_json.empty()) command.push_back("OPENCLAW_CONFIG_PATH=" + openclaw_json);
  command.push_back("NO_COLOR=1");
  command.push_back(install.program);
  if (!install.profile.empty()) command.insert(command.end(), {"--profile", install.profile});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace b2b
