// Index objects that take the place of others (docs/format.md, "An index object").
#pragma once

#include <cstdint>
#include <stop_token>

#include "core/packed/repository.h"

namespace b2b::packed {

// An index object holds about so much, so that it can be read in bounded memory.
inline constexpr std::size_t index_payload_bytes = 4 << 20;

// Writes `rewrite.packs` into new objects; the last one replaces `rewrite.replaced`, when all the others are there. Durable and recorded when
// this returns. `replaced` may be empty.
Result<void> write_rewrite(Repository& repository, ChunkIndex::Rewrite const& rewrite, std::stop_token const& stop);

// After write_rewrite(): they count no more.
Result<void> remove_replaced(Repository& repository, std::span<IndexId const> replaced, std::stop_token const& stop);

}  // namespace b2b::packed
