// Paths as text.
#pragma once

#include <string_view>

namespace b2b {

// Is `path` the directory `top` itself or below it? Neither ends with a '/'. Everything is below "".
bool is_at_or_below(std::string_view path, std::string_view top);

}  // namespace b2b
