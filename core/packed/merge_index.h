// Index objects that take the place of others (docs/format.md, "An index object").
#pragma once

#include <cstdint>
#include <stop_token>

#include "core/packed/repository.h"

namespace b2b::packed {

// An index object holds about so much, so that it can be read in bounded memory.
inline constexpr std::size_t index_payload_bytes = 4 << 20;

struct MergeLimits {
  std::size_t small_payload_bytes = 1 << 20;     // index objects below are small,
  std::size_t small_objects = 32;                // and put together when there are more than this
  std::size_t together_bytes = 16 << 20;         // that are in memory at a time
};

// Writes `rewrite.packs` into new objects; the last one replaces `rewrite.replaced`, when all the others are there. Durable and recorded when
// this returns. `replaced` may be empty.
Result<void> write_rewrite(Repository& repository, ChunkIndex::Rewrite const& rewrite, std::stop_token const& stop);

// After write_rewrite(): they count no more.
Result<void> remove_replaced(Repository& repository, std::span<IndexId const> replaced, std::stop_token const& stop);

// Puts small index objects together, when there are many; returns how many went. Those that name a marked pack are left to whoever removes it.
// What is read is what the record knows: after sync_index() without problems, and look_for_packs().
Result<std::uint64_t> merge_index(Repository& repository, MergeLimits const& limits, std::stop_token const& stop);

}  // namespace b2b::packed
