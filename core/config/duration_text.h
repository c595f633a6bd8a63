// Lengths of time as people write them: "20s", "5m", "1.5 h", "1d". Pure.
//
// A number and one unit of ms, s, m (minutes), h, d (24 hours); without a unit it means seconds. Fractions
// are rounded to milliseconds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

// At most 36,500 days. bad_config with a message without a place.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// The largest unit that divides it: "5m", "345s", "1500ms", "0s".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace b2b
