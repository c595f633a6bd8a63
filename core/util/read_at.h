// Reading from a place in a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

// Fills `buffer` from `offset` of the file on; fewer bytes only at its end. The file's position is neither used nor moved, so any number of
// threads may read. Errors: io, in the words of errno_error().
Result<std::size_t> read_at(int fd, std::span<std::uint8_t> buffer, std::uint64_t offset, std::string_view doing, std::string_view subject);

}  // namespace b2b
