// Ids out of SQLite's rows. Internal to core/packed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/sqlite/sqlite.h"

namespace b2b::packed {

// Zeros when the column has another length.
template <std::size_t size>
std::array<std::uint8_t, size> bytes_of(sqlite::Statement const& row, int column) {
  std::array<std::uint8_t, size> out{};
  std::string const bytes = row.column_bytes(column);
  if (bytes.size() == size) std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace b2b::packed
