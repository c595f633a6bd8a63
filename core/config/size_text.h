// Sizes and rates as people write them: "10MB", "1.5 MiB", "512 KiB/s". Pure.
//
// kB, KB, MB, GB, TB count in thousands, KiB, MiB, GiB, TiB in steps of 1,024; no unit or B means bytes. The
// same units in lower case mean the same. "Mb" and the like are refused, since half of the readers take them
// for bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

Result<std::uint64_t> parse_size(std::string_view text);  // bytes; bad_config with a message without a place
Result<std::uint64_t> parse_rate(std::string_view text);  // bytes per second; "/s" may follow the unit

// The largest unit of 1,024 that divides the size: "256 MiB", "1000 B".
std::string format_size(std::uint64_t bytes);

}  // namespace b2b
