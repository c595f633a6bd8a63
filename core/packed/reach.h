// What lies beside the prefix, under "{prefix}.repo/", and the application keys that do not reach it. Pure.
#pragma once

#include <string_view>

#include "core/util/error.h"

namespace b2b::packed {

// An error that says `permission` with how the application key must be made; any other as it is.
Error explain_reach(Error error, std::string_view prefix);

}  // namespace b2b::packed
