#include <algorithm>
#include <array>

#include "core/config/config.h"
#include "core/config/layer.h"
#include "core/config/own_file.h"
#include "core/config/plugin_entry.h"
#include "core/config/schema.h"
#include "core/config/sources.h"

namespace b2b {
namespace {

bool is_directory_store(std::string_view endpoint) {
  return endpoint.starts_with("file://");
}

bool is_directory_store(std::span<Layer const* const> layers) {
  SourcedValue const* const endpoint = winner(layers, "endpoint");
  return endpoint != nullptr && is_directory_store(std::string_view(endpoint->value.get_string()));
}

// Do these layers name a store by themselves?
bool name_a_store(std::span<Layer const* const> layers) {
  auto const has = [&](std::string_view key) { return winner(layers, key) != nullptr; };
  return has("bucket") && (is_directory_store(layers) || (has("keyId") && has("applicationKey")));
}

// What is wrong with openclaw.json is an error only where nothing above it says the same, and nothing above
// names a store.
Result<void> weigh_problems(PluginEntry const& entry, std::span<Layer const* const> above,
                            LoadedConfig& loaded) {
  bool const store_named = name_a_store(above);
  bool const has_rules = loaded.config.retention.has_value();  // openclaw.json has no say in these
  bool const counts_known = (has_rules || winner(above, "keepSnapshots") != nullptr) &&
                            winner(above, "keepSafetySnapshots") != nullptr;
  bool& uncertain = loaded.config.retention_uncertain;
  if (entry.failure) {
    if (!store_named) {
      Error failure = *entry.failure;
      failure.message = "OpenClaw's configuration cannot be read, and nothing else names a complete store: " + failure.message;
      failure.advice += (failure.advice.empty() ? "" : ". ") +
                        std::string("Correct that file (openclaw doctor), or give this program a configuration of its own "
                                    "with bucket and keys: ~/.config/b2backupd/config.json5");
      return failure;
    }
    loaded.openclaw_problem = "OpenClaw's configuration cannot be read (" + entry.failure->text() +
                              "); meanwhile this program's own settings are used, and the workspaces that it named before";
  } else {
    loaded.openclaw_problem = entry.problem;
  }
  if (!loaded.openclaw_problem.empty()) loaded.warnings.insert(loaded.warnings.begin(), loaded.openclaw_problem);
  if ((entry.failure || entry.from_last_good) && !counts_known) uncertain = true;
  for (auto const& [name, problem] : entry.unusable) {
    KeySpec const* const key = find_key(name);
    bool const overridden = winner(above, name) != nullptr;
    bool const is_key = name == "keyId" || name == "applicationKey";
    bool const needed =
        !overridden && !store_named && !key->daemon_only && !(is_key && is_directory_store(above));
    if (needed) return problem;
    loaded.warnings.push_back(problem.text());
    if (!overridden && ((name == "keepSnapshots" && !has_rules) || name == "keepSafetySnapshots")) uncertain = true;
  }
  if (uncertain)
    loaded.warnings.push_back(
        "how many snapshots to keep is not certain, so nothing is pruned; set keepSnapshots (or retention) and "
        "keepSafetySnapshots in this program's own configuration to be independent of openclaw.json");
  return {};
}

// Values that agents could have changed, together with credentials that they were not meant to steer.
void warn_of_steering(std::span<Layer const* const> all, Layer const& plugin, LoadedConfig& loaded) {
  SourcedValue const* const key = winner(all, "applicationKey");
  if (key == nullptr || key == plugin.find("applicationKey")) return;
  for (std::string_view const name : {"endpoint", "encrypt"}) {
    SourcedValue const* const value = winner(all, name);
    if (value == nullptr || value != plugin.find(name)) continue;
    if (name == "encrypt" && value->value.get_bool()) continue;
    loaded.warnings.push_back(
        std::string(name) +
        " comes from openclaw.json, which agents can write, while the application key comes from " +
        key->source + "; set " + std::string(name) + " there too");
  }
}

void note_overruled_settings(LoadedConfig& loaded) {
  if (loaded.config.retention && loaded.config.keep_snapshots_set)
    loaded.notes.push_back("keepSnapshots is set and not used, because retention goes before it");
}

// Which file, and which default state directory. --profile says it outright, "default" being OpenClaw's word
// for none; else the state directory of the command line or environment names the profile.
Result<std::string> profile_to_read(ConfigSources const& sources, Layer const& command_line,
                                    Layer const& environment) {
  if (!sources.profile.empty()) {
    B2B_TRY(check_profile(sources.profile));
    return sources.profile == "default" ? std::string() : sources.profile;
  }
  std::array<Layer const*, 2> const outer{&command_line, &environment};
  SourcedValue const* const state_dir = winner(outer, "stateDir");
  if (state_dir == nullptr) return std::string();
  return profile_of_state_dir(std::string_view(state_dir->value.get_string()), sources.home);
}

}  // namespace

Result<LoadedConfig> load_config(ConfigSources const& sources) {
  B2B_ASSIGN(Layer command_line, command_line_layer(sources));
  B2B_ASSIGN(Layer environment, environment_layer(sources));
  B2B_ASSIGN(Layer credentials, credentials_layer(sources));

  // The profile names the file; the file may then name another state directory. A profile that was asked for
  // on the command line is not led to another state directory by the environment.
  B2B_ASSIGN(std::string const profile, profile_to_read(sources, command_line, environment));
  bool const asked_for = !sources.profile.empty();
  B2B_ASSIGN(OwnFile own, read_own_file(sources, profile));
  if (asked_for && environment.has("stateDir")) {
    environment.remove("stateDir");
    own.warnings.push_back("OPENCLAW_STATE_DIR is not used, since --profile " + sources.profile +
                           " says which state directory is meant");
  }
  std::array<Layer*, 4> const with_key_files{&command_line, &environment, &credentials, &own.values};
  B2B_TRY(read_key_files(with_key_files, own.warnings));

  Layer const defaults = defaults_layer(sources, asked_for ? profile : profile_of_config_file(own.path));
  std::array<Layer const*, 5> const without_plugin{&command_line, &environment, &credentials, &own.values,
                                                   &defaults};
  std::string const state_dir(winner(without_plugin, "stateDir")->value.get_string());
  PluginEntry const plugin = read_plugin_entry(sources, state_dir);

  std::array<Layer const*, 6> const all{&command_line, &environment,   &credentials,
                                        &own.values,   &plugin.values, &defaults};
  LoadedConfig loaded = merge_layers(all);
  loaded.openclaw_json = plugin.path;
  loaded.config.openclaw_json = plugin.path;
  loaded.config.home = openclaw_home(sources);
  loaded.config.roots = plugin.agents.roots;
  loaded.config.roots_known = plugin.agents.known;
  loaded.config.agents_here = plugin.agents.inside;
  loaded.warnings = own.warnings;
  loaded.warnings.insert(loaded.warnings.end(), plugin.warnings.begin(), plugin.warnings.end());
  if (!own.path.empty()) loaded.files.push_back(own.path);
  loaded.files.insert(loaded.files.end(), plugin.files.begin(), plugin.files.end());
  B2B_TRY(weigh_problems(plugin, std::span(without_plugin).first(4), loaded));
  warn_of_steering(all, plugin.values, loaded);
  note_overruled_settings(loaded);
  return loaded;
}

}  // namespace b2b
