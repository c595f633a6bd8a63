// Chunks of one pack as they come from the store, without the pack being kept anywhere: one request for a stretch of it, and each chunk that is
// wanted is handed out when its box is there, decrypted and with its id checked. Memory: one box.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include "core/packed/repository.h"

namespace b2b::packed {

struct WantedBox {
  std::uint32_t number = 0;  // of the box in the pack
  ChunkPlace place;
};

// `i`: which of the boxes. The content is gone after the call. An error ends the stream.
using TakeContent = std::function<Result<void>(std::size_t i, std::span<std::uint8_t const> content)>;

// `boxes`: some of that pack's, at least one, by offset, none twice. `take` is called on this thread, in their order, once for each that is as it
// should be. What lies between them is fetched, too, and passed over. Errors: corrupt (a box is damaged, or the pack too short: the others were
// handed out), that of `take` as it is, the store's.
Result<void> stream_boxes(Repository const& repository, PackId const& pack, Salt const& salt, std::span<WantedBox const> boxes,
                          TakeContent const& take, std::stop_token const& stop);

}  // namespace b2b::packed
