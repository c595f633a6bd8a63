#include "core/config/agent_directories.h"

#include <filesystem>
#include <set>
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

class DirectoryChecker {
 public:
  DirectoryChecker(ConfigSources const& sources, std::string const& state_dir, OpenClawConfig& config)
      : home_(openclaw_home(sources)),
        state_dir_(state_dir),
        real_state_dir_(real_place(state_dir)),
        label_(base_name(config.path())),
        variables_(sources, state_dir, config, variable_warnings_) {}

  void check(std::string const& setting, boost::json::value const* value) {
    if (value == nullptr || !value->is_string()) return;
    std::string const written(trimmed(std::string_view(value->get_string())));
    if (written.empty()) return;
    std::string const what = setting + " in " + label_ + " is ";
    auto const substituted =
        substitute_variables(written, [this](std::string_view name) { return variables_.find(name); });
    if (!substituted.missing.empty()) {
      std::string const& name = substituted.missing.front();
      return add(written,
                 what + "written with ${" + name + "}, which is set neither in the environment nor in " +
                     variables_.dotenv_path() + ": it is not known whether that directory is backed up");
    }
    bool const has_variables = substituted.text != written;
    std::string const path = expand_path(substituted.text, {}, home_);
    if (!path.starts_with('/'))
      return add(written, what + "the relative path " + printable(written) +
                              ": it is not known whether that directory is backed up; an absolute path says "
                              "it, or one that begins with ~");
    if (is_inside(real_place(path), real_state_dir_)) return;
    add(path, what + printable(has_variables ? written : path) +
                  ", which lies outside of the state directory " + state_dir_ +
                  " and is not backed up by this version; back it up in another way");
  }

  void fail(Error const& error) {
    warnings_.push_back(
        "whether agents have directories outside of the state directory, which this version does not back "
        "up, is not known: " +
        error.text());
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string> result = warnings_;
    if (directories_.size() > warnings_max)
      result.push_back(std::to_string(directories_.size() - warnings_max) +
                       " more directories of agents are not backed up by this version, or not known to be");
    return result;
  }

 private:
  void add(std::string const& directory, std::string warning) {
    bool const first = directories_.insert(directory).second;
    if (first && directories_.size() <= warnings_max) warnings_.push_back(std::move(warning));
  }

  std::string const home_;
  std::string const state_dir_;
  std::string const real_state_dir_;
  std::string const label_;
  std::vector<std::string> variable_warnings_;  // of a file: the variable is then among the missing ones
  OpenClawVariables variables_;
  std::set<std::string> directories_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::vector<std::string> warn_of_outside_directories(ConfigSources const& sources,
                                                     std::string const& state_dir, OpenClawConfig& config) {
  DirectoryChecker checker(sources, state_dir, config);
  auto const workspace = config.at({"agents", "defaults", "workspace"});
  auto entries = config.at({"agents", "entries"});
  if (!workspace || !entries) checker.fail(workspace ? entries.error() : workspace.error());
  if (workspace && *workspace) checker.check("agents.defaults.workspace", &**workspace);
  if (entries && *entries && (*entries)->is_object()) {
    for (auto const& entry : (*entries)->get_object()) {
      if (!entry.value().is_object()) continue;
      std::string const agent = "agents.entries." + printable(entry.key());
      for (std::string_view const member : {"workspace", "agentDir"})
        checker.check(agent + "." + std::string(member), entry.value().get_object().if_contains(member));
    }
    wipe_json(**entries);  // an agent's settings may hold keys
  }
  return checker.warnings();
}

}  // namespace b2b
