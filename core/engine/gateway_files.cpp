#include "core/engine/gateway_files.h"

namespace b2b {
namespace {

// Takes the first component off; empty when there is no other behind it.
std::string_view take_component(std::string_view& path) {
  auto const end = path.find('/');
  if (end == std::string_view::npos) return {};
  auto const component = path.substr(0, end);
  path.remove_prefix(end + 1);
  return component;
}

}  // namespace

bool is_kept_by_gateway(std::string_view path) {
  auto const top = take_component(path);
  if (top == "cron" || top == "sessions") return true;
  if (top != "agents" || take_component(path).empty()) return false;
  return take_component(path) == "sessions";
}

}  // namespace b2b
