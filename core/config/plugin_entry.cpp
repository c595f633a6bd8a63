#include "core/config/plugin_entry.h"

#include <algorithm>
#include <array>

#include <boost/json/object.hpp>

#include "core/config/agent_directories.h"
#include "core/config/config_file.h"
#include "core/config/openclaw_config.h"
#include "core/config/openclaw_variables.h"
#include "core/config/schema.h"
#include "core/config/secret_ref.h"
#include "core/config/sources.h"
#include "core/config/substitution.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::array<std::string_view, 2> plugin_ids{"b2-backup", "openclaw-b2-backup"};

// A variable that holds one of our secrets must not end up in a bucket's or a folder's name.
bool is_secret_variable(std::string_view name) {
  auto const keys = key_table();
  return std::any_of(keys.begin(), keys.end(),
                     [&](KeySpec const& key) { return key.secret && key.environment == name; });
}

class EntryReader {
 public:
  EntryReader(ConfigSources const& sources, std::string const& state_dir, OpenClawConfig& config,
              PluginEntry& entry)
      : config_(config),
        entry_(entry),
        variables_(sources, state_dir, config, entry.warnings),
        home_(sources.home),
        label_(base_name(config.path())) {}

  void read(std::string_view plugin_id, boost::json::object const& settings) {
    bool literal_secret = false;
    for (auto const& setting : settings) {
      std::string const name(setting.key());
      KeySpec const* const key = find_key(name);
      if (key == nullptr || !key->in_openclaw_json) {
        ignore(plugin_id, name, key);
        continue;
      }
      auto value = resolve(*key, setting.value());
      auto checked = value ? check_value(*key, *value) : value;
      if (value) wipe_json(*value);
      if (!checked) {
        Error problem = checked.error();
        problem.message =
            label_ + ", plugins.entries." + std::string(plugin_id) + ".config: " + problem.message;
        entry_.unusable.emplace(name, std::move(problem));
        continue;
      }
      literal_secret |=
          key->secret && setting.value().is_string() && !setting.value().get_string().starts_with('$');
      if (key->type == KeyType::path)
        *checked = expand_path(std::string_view(checked->get_string()), parent_path(config_.path()), home_);
      entry_.values.set(name, std::move(*checked), label_);
    }
    variables_.warn_if_open();
    if (!literal_secret) return;
    for (OpenClawConfigFile const& file : config_.files())
      if (auto warning = open_secrets_warning(file.path, file.mode, "secrets"))
        entry_.warnings.push_back(*warning);
  }

 private:
  void ignore(std::string_view plugin_id, std::string const& name, KeySpec const* key) {
    std::string const where = label_ + ", plugins.entries." + std::string(plugin_id) + ".config." +
                              printable(name) + " is ignored: ";
    if (key == nullptr) {
      entry_.warnings.push_back(where + "unknown key; the nearest known key is '" + nearest_key(name) + "'");
    } else {
      entry_.warnings.push_back(
          where + "agents can write that file, so this key counts only in this program's own configuration");
    }
  }

  Result<boost::json::value> resolve(KeySpec const& key, boost::json::value const& value) {
    if (key.secret && is_secret_ref(value)) {
      SecretRefContext context;
      context.config = &config_;
      context.home = home_;
      context.warnings = &entry_.warnings;
      context.lookup = [this](std::string_view name) { return variables_.find(name); };
      auto secret = resolve_secret_ref(value.get_object(), context);
      if (!secret)
        return make_error(Condition::bad_config, std::string(key.name) + ": " + secret.error().message,
                          secret.error().advice, std::string(key.name));
      return boost::json::value(*secret);
    }
    if (!value.is_string()) return value;
    std::string text(value.get_string());
    // OpenClaw takes "$NAME" for "${NAME}" where a secret is meant.
    if (key.secret && text.starts_with('$') && is_variable_name(std::string_view(text).substr(1)))
      text = "${" + text.substr(1) + "}";
    auto const substituted =
        substitute_variables(text, [&](std::string_view name) -> std::optional<std::string> {
          if (!key.secret && is_secret_variable(name)) return std::nullopt;
          return variables_.find(name);
        });
    if (substituted.missing.empty()) return boost::json::value(substituted.text);
    std::string const name = substituted.missing.front();
    if (!key.secret && is_secret_variable(name))
      return make_error(Condition::bad_config,
                        std::string(key.name) + " is written with ${" + name + "}, which holds a secret", {},
                        std::string(key.name));
    return make_error(
        Condition::bad_config,
        std::string(key.name) + " is written with ${" + name + "}, and " + name +
            " is set neither in the environment nor in " + variables_.dotenv_path(),
        "The gateway's environment is not this program's: put the variable into that file, or the value "
        "into this program's own configuration",
        std::string(key.name));
  }

  OpenClawConfig& config_;
  PluginEntry& entry_;
  OpenClawVariables variables_;
  std::string const home_;
  std::string const label_;
};

// Opens the file, or its last good copy when it is malformed; nullopt when there is nothing to read (entry
// says why).
std::optional<OpenClawConfig> open_config(ConfigSources const& sources, std::string const& state_dir, bool configured,
                                          PluginEntry& entry) {
  std::vector<std::string> const roots =
      parse_include_roots(variable(sources, "OPENCLAW_INCLUDE_ROOTS"), sources.home);
  auto config = OpenClawConfig::open(entry.path, roots);
  if (config) return std::move(*config);
  Error const& problem = config.error();
  if (problem.condition == Condition::not_found) {
    auto copy = OpenClawConfig::open(config_during_restore(state_dir), roots);
    if (copy) {
      entry.warnings.push_back(entry.path + " is away, as in the middle of a restore: the copy made for that time is read");
      return std::move(*copy);
    }
    if (configured)
      entry.warnings.push_back("OPENCLAW_CONFIG_PATH names " + entry.path + ", which does not exist");
    return std::nullopt;
  }
  if (problem.condition == Condition::bad_config) {
    std::string const last_good = entry.path + ".last-good";
    auto copy = OpenClawConfig::open(last_good, roots);
    if (copy) {
      entry.from_last_good = true;
      entry.problem = "OpenClaw's configuration cannot be read (" + problem.message + "); meanwhile its copy " + last_good + " is used";
      return std::move(*copy);
    }
  }
  entry.failure = problem;
  return std::nullopt;
}

}  // namespace

std::string config_during_restore(std::string const& state_dir) { return join_path(state_dir, "b2backupd/openclaw.json"); }

PluginEntry read_plugin_entry(ConfigSources const& sources, std::string const& state_dir) {
  PluginEntry entry;
  std::string_view const configured = variable(sources, "OPENCLAW_CONFIG_PATH");
  entry.path = configured.empty() ? join_path(state_dir, "openclaw.json")
                                  : expand_path(configured, sources.working_directory, sources.home);
  auto config = open_config(sources, state_dir, !configured.empty(), entry);
  if (!config) return entry;

  bool found = false;
  for (std::string_view const id : plugin_ids) {
    auto settings = config->at({"plugins", "entries", id, "config"});
    if (!settings) {
      entry.failure = settings.error();
      break;
    }
    if (!*settings) continue;
    if (found) {
      entry.warnings.push_back(base_name(config->path()) +
                               " has entries for both b2-backup and openclaw-b2-backup; the first is used");
    } else if ((*settings)->is_object()) {
      found = true;
      EntryReader(sources, state_dir, *config, entry).read(id, (*settings)->get_object());
    } else {
      entry.failure = make_error(
          Condition::bad_config,
          entry.path + ": plugins.entries." + std::string(id) + ".config must be an object", {}, entry.path);
    }
    wipe_json(**settings);
  }
  entry.agents = find_agent_directories(sources, state_dir, *config);
  entry.warnings.insert(entry.warnings.end(), entry.agents.warnings.begin(), entry.agents.warnings.end());
  for (OpenClawConfigFile const& file : config->files())
    entry.files.push_back(file.path);
  return entry;
}

}  // namespace b2b
