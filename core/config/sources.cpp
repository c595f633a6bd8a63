#include "core/config/sources.h"

#include <cstdlib>
#include <filesystem>

#include <pwd.h>
#include <unistd.h>

#include "core/config/config_file.h"
#include "core/config/schema.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

constexpr std::uint64_t credential_bytes_max = 64ull << 10;

Result<void> set_text(ConfigSources const& sources, KeySpec const& key, std::string_view text,
                      std::string source, Layer& into) {
  B2B_ASSIGN(boost::json::value value, check_text(key, text));
  if (key.type == KeyType::path)
    value = expand_path(std::string_view(value.get_string()), sources.working_directory, sources.home);
  into.set(key.name, std::move(value), std::move(source));
  return {};
}

}  // namespace

ConfigSources process_sources() {
  ConfigSources sources;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view const text(*entry);
    std::size_t const equals = text.find('=');
    if (equals != std::string_view::npos)
      sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  sources.home = variable(sources, "HOME");
  if (sources.home.empty()) {
    passwd entry{};
    passwd* found = nullptr;
    char buffer[4096];
    if (::getpwuid_r(::geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr)
      sources.home = found->pw_dir;
  }
  while (sources.home.size() > 1 && sources.home.back() == '/')
    sources.home.pop_back();
  std::error_code failure;
  sources.working_directory = std::filesystem::current_path(failure).string();
  if (failure) sources.working_directory = "/";  // a directory that is gone has nothing relative in it
  return sources;
}

std::string_view variable(ConfigSources const& sources, std::string_view name) {
  auto const found = sources.environment.find(std::string(name));
  return found == sources.environment.end() ? std::string_view{} : std::string_view(found->second);
}

Result<Layer> command_line_layer(ConfigSources const& sources) {
  Layer layer;
  for (auto const& [name, text] : sources.command_line) {
    KeySpec const* const key = find_key(name);
    if (key == nullptr)
      return make_error(Condition::usage, "unknown setting '" + printable(name) + "' on the command line",
                        "The nearest known one is '" + nearest_key(name) + "'", name);
    auto const set = set_text(sources, *key, text, "command line", layer);
    if (!set)
      return make_error(Condition::usage, "on the command line, " + set.error().message, set.error().advice,
                        name);
  }
  return layer;
}

Result<Layer> environment_layer(ConfigSources const& sources) {
  Layer layer;
  for (KeySpec const& key : key_table()) {
    if (key.environment.empty()) continue;
    std::string_view const text = variable(sources, key.environment);
    if (text.empty()) continue;
    std::string const name(key.environment);
    auto const set = set_text(sources, key, text, "environment (" + name + ")", layer);
    if (!set)
      return make_error(Condition::bad_config,
                        "in the environment variable " + name + ": " + set.error().message,
                        set.error().advice, name);
  }
  return layer;
}

Result<Layer> credentials_layer(ConfigSources const& sources) {
  Layer layer;
  std::string_view const directory = variable(sources, "CREDENTIALS_DIRECTORY");
  if (directory.empty()) return layer;
  for (std::string_view const name : {"keyId", "applicationKey", "encryptionKey"}) {
    std::string const path = join_path(directory, name);
    auto file = read_config_file(path, credential_bytes_max, "read the systemd credential");
    if (!file && file.error().condition == Condition::not_found) continue;
    if (!file) return file.error();
    Secret const secret{without_final_newline(file->text)};
    wipe(file->text.data(), file->text.size());
    if (secret.empty())
      return make_error(Condition::bad_config, "the systemd credential " + path + " is empty", {}, path);
    layer.set(name, boost::json::value(secret.reveal()), "systemd credential (" + std::string(name) + ")");
  }
  return layer;
}

std::string openclaw_home(ConfigSources const& sources) {
  std::string home = expand_path(variable(sources, "OPENCLAW_HOME"), sources.working_directory, sources.home);
  return home.empty() ? sources.home : home;
}

Layer defaults_layer(ConfigSources const& sources, std::string_view profile) {
  Layer layer;
  std::string const state_dir = openclaw_home(sources) + "/.openclaw";
  if (profile.empty()) {
    layer.set("stateDir", boost::json::value(state_dir), "default");
  } else {
    layer.set("stateDir", boost::json::value(state_dir + "-" + std::string(profile)),
              "default of the profile " + std::string(profile));
  }
  std::string_view const configured = variable(sources, "XDG_STATE_HOME");
  std::string const base =
      configured.starts_with('/') ? std::string(configured) : sources.home + "/.local/state";
  layer.set("dataDir", boost::json::value(join_path(base, "b2backupd")), "default");
  return layer;
}

}  // namespace b2b
