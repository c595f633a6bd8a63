#include "daemon/control/snapshot_path.h"

#include <optional>

#include "core/util/file.h"

namespace b2b::daemonctl {
namespace {

// What follows the directory, without the '/'; empty: it is the directory itself.
std::optional<std::string> below(std::string const& directory, std::string const& path) {
  if (directory.empty() || !path.starts_with(directory)) return std::nullopt;
  std::string rest = path.substr(directory.size());
  if (!rest.empty() && rest.front() != '/') return std::nullopt;
  while (rest.starts_with('/')) rest.erase(0, 1);
  return rest;
}

}  // namespace

std::string path_in_snapshot(Config const& config, std::string const& written) {
  bool const at_home = written.starts_with("~/") && !config.home.empty();
  std::string const path = at_home ? join_path(config.home, written.substr(2)) : written;
  if (!path.starts_with('/')) return written;
  for (AgentRoot const& root : config.roots)
    if (auto const rest = below(root.path, path)) return rest->empty() ? root.label : root.label + "/" + *rest;
  return below(config.state_dir, path).value_or(written);
}

std::string pattern_in_snapshot(Config const& config, std::string const& written) {
  std::string const path = path_in_snapshot(config, written);
  if (path == written || path.empty()) return path;
  bool const at_top = path.find('/') >= path.size() - 1;   // a '/' at the end only says that it is a directory
  return at_top ? "/" + path : path;
}

}  // namespace b2b::daemonctl
