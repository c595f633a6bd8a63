#include "core/util/path.h"

namespace b2b {

bool is_at_or_below(std::string_view path, std::string_view top) {
  if (top.empty() || path == top) return true;
  return path.size() > top.size() && path.starts_with(top) && path[top.size()] == '/';
}

}  // namespace b2b
