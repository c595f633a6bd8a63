#include "core/config/agent_directories.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>

#include <boost/json/object.hpp>

#include "core/config/config_file.h"
#include "core/config/layer.h"
#include "core/config/openclaw_variables.h"
#include "core/config/sources.h"
#include "core/config/substitution.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t warnings_max = 20;

// Symbolic links resolved as far as the path exists: a scan does not follow them either.
std::string real_place(std::string const& path) {
  std::error_code failed;
  auto const real = std::filesystem::weakly_canonical(path, failed);
  return failed ? std::filesystem::path(path).lexically_normal().string() : real.string();
}

bool is_inside(std::string const& path, std::string const& directory) {
  return path == directory || path.starts_with(directory.ends_with('/') ? directory : directory + "/");
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white_space = " \t\r\n";
  std::size_t const begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) + 1 - begin);
}

class DirectoryFinder {
 public:
  DirectoryFinder(ConfigSources const& sources, std::string const& state_dir, OpenClawConfig& config)
      : home_(openclaw_home(sources)),
        real_state_dir_(real_place(state_dir)),
        label_(base_name(config.path())),
        variables_(sources, state_dir, config, variable_warnings_) {}

  // OpenClaw's own variable for the default workspace, of the environment or <stateDir>/.env.
  void environment() {
    auto const value = variables_.find("OPENCLAW_WORKSPACE_DIR");
    if (value) look_at("@workspace", "OPENCLAW_WORKSPACE_DIR", "${OPENCLAW_WORKSPACE_DIR}");
  }

  void setting(std::string const& root_label, std::string const& setting, boost::json::value const* value) {
    if (value == nullptr || !value->is_string()) return;
    std::string const written(trimmed(std::string_view(value->get_string())));
    if (!written.empty()) look_at(root_label, setting + " in " + label_, written);
  }

  void fail(Error const& error) {
    failed_ = true;
    found_.warnings.push_back("whether agents have directories outside of the state directory is not known, so only those of the last "
                              "backup are backed up: " +
                              error.text());
  }

  AgentDirectories finish() && {
    found_.known = !failed_;
    if (left_unnamed_ > 0)
      found_.warnings.push_back(std::to_string(left_unnamed_) + " more directories of agents are not backed up");
    for (auto& entry : outside_) {  // in the order of their paths: what contains others comes first
      bool const contained = std::any_of(found_.roots.begin(), found_.roots.end(),
                                         [&](AgentRoot const& other) { return is_inside(entry.first, other.path); });
      if (!contained) found_.roots.push_back(std::move(entry.second));
    }
    std::sort(found_.roots.begin(), found_.roots.end(),
              [](AgentRoot const& a, AgentRoot const& b) { return a.label < b.label; });
    return std::move(found_);
  }

 private:
  void look_at(std::string const& root_label, std::string const& what, std::string const& written) {
    auto const substituted =
        substitute_variables(written, [this](std::string_view name) { return variables_.find(name); });
    if (!substituted.missing.empty())
      return warn(what + " is written with ${" + substituted.missing.front() +
                  "}, which is set neither in the environment nor in " + variables_.dotenv_path() +
                  ": that directory is not backed up");
    std::string const path = expand_path(substituted.text, {}, home_);
    if (!path.starts_with('/'))
      return warn(what + " is the relative path " + printable(written) +
                  ", which depends on where the gateway was started: it is not backed up. Write an absolute path, or one that begins "
                  "with ~");
    std::string const real = real_place(path);
    if (real == "/") return warn(what + " is the whole file system, which is not backed up");
    if (is_inside(real, real_state_dir_)) {
      std::string const below = real == real_state_dir_ ? std::string() : real.substr(real_state_dir_.size() + 1);
      bool const known = std::find(found_.inside.begin(), found_.inside.end(), below) != found_.inside.end();
      if (!below.empty() && !known) found_.inside.push_back(below);
      return;
    }
    outside_.try_emplace(real, AgentRoot{root_label, real, what, written});
  }

  void warn(std::string text) {
    if (found_.warnings.size() >= warnings_max) {
      ++left_unnamed_;
    } else {
      found_.warnings.push_back(std::move(text));
    }
  }

  std::string const home_;
  std::string const real_state_dir_;
  std::string const label_;
  std::vector<std::string> variable_warnings_;  // of a file: the variable is then among the missing ones
  OpenClawVariables variables_;
  std::map<std::string, AgentRoot> outside_;    // by real path
  AgentDirectories found_;
  std::size_t left_unnamed_ = 0;
  bool failed_ = false;
};

void read_agent(DirectoryFinder& finder, std::string const& setting, std::string_view agent,
                boost::json::object const& entry) {
  finder.setting(root_label("@workspace-", agent), setting + ".workspace", entry.if_contains("workspace"));
  finder.setting(root_label("@agent-", agent), setting + ".agentDir", entry.if_contains("agentDir"));
}

}  // namespace

std::string root_label(std::string_view kind, std::string_view agent) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out(kind);
  for (char const c : agent) {
    bool const plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                       c == '_' || c == '-';
    auto const byte = static_cast<unsigned char>(c);
    if (plain) {
      out += c;
    } else {
      out += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

AgentDirectories find_agent_directories(ConfigSources const& sources, std::string const& state_dir,
                                        OpenClawConfig& config) {
  DirectoryFinder finder(sources, state_dir, config);
  auto const workspace = config.at({"agents", "defaults", "workspace"});
  auto entries = config.at({"agents", "entries"});
  auto list = config.at({"agents", "list"});
  if (!workspace || !entries || !list)
    finder.fail(!workspace ? workspace.error() : !entries ? entries.error() : list.error());
  finder.environment();
  if (workspace && *workspace) finder.setting("@workspace", "agents.defaults.workspace", &**workspace);
  if (entries && *entries) {
    if ((*entries)->is_object())
      for (auto const& entry : (*entries)->get_object())
        if (entry.value().is_object())
          read_agent(finder, "agents.entries." + printable(entry.key()), entry.key(), entry.value().get_object());
    wipe_json(**entries);  // an agent's settings may hold keys
  }
  if (list && *list) {
    if ((*list)->is_array())
      for (auto const& entry : (*list)->get_array()) {
        auto const* const object = entry.if_object();
        auto const* const id = object == nullptr ? nullptr : object->if_contains("id");
        if (id == nullptr || !id->is_string()) continue;
        read_agent(finder, "agents.list (" + printable(std::string_view(id->get_string())) + ")", id->get_string(), *object);
      }
    wipe_json(**list);
  }
  return std::move(finder).finish();
}

}  // namespace b2b
