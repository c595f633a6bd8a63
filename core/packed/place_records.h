// ChunkPlace as it stands in packs' directories and in index objects: 45 bytes. Internal to core/packed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/packed/format.h"
#include "core/packed/wire.h"
#include "core/util/error.h"

namespace b2b::packed {

inline constexpr std::size_t place_bytes = 45;

void append_place(std::string& out, ChunkPlace const& place);
// Reads `count` of them that lie one behind the other in a pack of `pack_bytes`. corrupt: what is impossible.
Result<std::vector<ChunkPlace>> read_places(WireReader& reader, std::uint32_t count, std::uint64_t pack_bytes);

}  // namespace b2b::packed
