#include "core/engine/roots.h"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/path.h"

namespace b2b {
namespace {

std::string real_place(std::string const& path) {
  std::error_code failed;
  auto const real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : real.string();
}

}  // namespace

std::vector<std::string> not_of_a_root(Config const& config) {
  std::vector<std::string> out;
  for (std::string const& directory : {config.state_dir, config.data_dir})
    if (!directory.empty()) out.push_back(real_place(directory));
  return out;
}

std::vector<Root> configured_roots(Config const& config) {
  std::vector<Root> roots{Root{"", config.state_dir}};
  if (config.roots.empty()) return roots;
  auto const leave_out = not_of_a_root(config);
  for (AgentRoot const& root : config.roots)
    roots.push_back({root.label, root.path, leave_out});
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

std::string roots_text(Config const& config) {
  boost::json::array roots, here;
  for (AgentRoot const& root : config.roots)
    roots.push_back(boost::json::object{{"label", root.label}, {"path", to_base64(as_bytes(root.path))}, {"setting", root.setting},
                                        {"written", to_base64(as_bytes(root.written))}});
  for (std::string const& path : config.agents_here) here.emplace_back(to_base64(as_bytes(path)));
  return boost::json::serialize(boost::json::object{{"roots", std::move(roots)}, {"here", std::move(here)}});
}

void take_roots(std::string_view text, Config& config) {
  boost::system::error_code failed;
  auto const value = boost::json::parse(text, failed);
  if (failed || !value.is_object()) return;
  auto const bytes = [](boost::json::value const* from) {
    auto const decoded = from != nullptr && from->is_string() ? from_base64(from->get_string()) : std::nullopt;
    return decoded ? std::string(as_text(*decoded)) : std::string();
  };
  auto const list = [&](char const* name) {
    auto const* const found = value.get_object().if_contains(name);
    return found != nullptr && found->is_array() ? found->get_array() : boost::json::array();
  };
  for (auto const& item : list("roots")) {
    if (!item.is_object()) continue;
    auto const& object = item.get_object();
    auto const* const label = object.if_contains("label");
    auto const* const setting = object.if_contains("setting");
    AgentRoot root{label != nullptr && label->is_string() ? std::string(label->get_string()) : std::string(), bytes(object.if_contains("path")),
                   setting != nullptr && setting->is_string() ? std::string(setting->get_string()) : std::string(),
                   bytes(object.if_contains("written"))};
    if (root.label.starts_with('@') && root.path.starts_with('/')) config.roots.push_back(std::move(root));
  }
  for (auto const& item : list("here"))
    if (std::string path = bytes(&item); !path.empty()) config.agents_here.push_back(std::move(path));
}

std::string absolute_path(std::vector<Root> const& roots, std::string_view path, std::size_t* root_bytes) {
  std::string const* place = &roots.front().path;
  for (Root const& root : roots) {
    if (root.label.empty() || !is_at_or_below(path, root.label)) continue;
    place = &root.path;
    path.remove_prefix(std::min(path.size(), root.label.size() + 1));
    break;
  }
  if (root_bytes != nullptr) *root_bytes = place->size();
  return join_path(*place, path);
}

}  // namespace b2b
