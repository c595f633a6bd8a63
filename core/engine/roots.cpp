#include "core/engine/roots.h"

#include <filesystem>

#include "core/util/file.h"

namespace b2b {
namespace {

std::string real_place(std::string const& path) {
  std::error_code failed;
  auto const real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : real.string();
}

}  // namespace

std::vector<Root> configured_roots(Config const& config) {
  std::vector<Root> roots{Root{"", config.state_dir}};
  for (AgentRoot const& root : config.roots)
    roots.push_back({root.label, root.path, {real_place(config.state_dir), real_place(config.data_dir)}});
  return roots;
}

std::vector<Root> roots_of(Config const& config) {
  std::vector<Root> roots = configured_roots(config);
  std::erase_if(roots, [](Root const& root) { return !root.label.empty() && !path_exists(root.path); });
  return roots;
}

Result<Scope> scope_of(Config const& config) {
  std::vector<std::string> whole = config.agents_here;
  for (AgentRoot const& root : config.roots) whole.push_back(root.label);
  return Scope::build(config.include, config.exclude, whole);
}

bool is_under_label(std::string_view path, std::string_view label) {
  return path.starts_with(label) && (path.size() == label.size() || path[label.size()] == '/');
}

std::string absolute_path(std::vector<Root> const& roots, std::string_view path, std::size_t* root_bytes) {
  std::string const* place = &roots.front().path;
  for (Root const& root : roots) {
    if (root.label.empty() || !is_under_label(path, root.label)) continue;
    place = &root.path;
    path.remove_prefix(std::min(path.size(), root.label.size() + 1));
    break;
  }
  if (root_bytes != nullptr) *root_bytes = place->size();
  return join_path(*place, path);
}

}  // namespace b2b
