#include "core/snapshot/manifest.h"

namespace b2b {

std::string path_problem(std::string_view path) {
  if (path.empty()) return "is empty";
  if (path.find('\0') != std::string_view::npos) return "has a NUL byte";
  if (path.front() == '/') return "is absolute";
  while (true) {
    auto const slash = path.find('/');
    std::string_view const component = path.substr(0, slash);
    if (component.empty()) return "has an empty component";
    if (component == ".") return "has a '.' component";
    if (component == "..") return "has a '..' component";
    if (slash == std::string_view::npos) return {};
    path.remove_prefix(slash + 1);
  }
}

}  // namespace b2b
