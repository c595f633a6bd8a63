// Index objects are authenticated before they are parsed, but a parser stands on nothing: what is accepted is
// within the bounds, and written again it is the same, byte for byte.
#include <cstdint>
#include <string>

#include "core/packed/index_object.h"

using namespace b2b;
using namespace b2b::packed;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const text(as_text({data, size}));
  auto const payload = parse_index(text);
  if (!payload) {
    B2B_ASSERT(payload.error().condition == Condition::corrupt && !payload.error().message.empty());
    return 0;
  }
  std::size_t bytes = 8 + 32 * payload->replaces.size();
  for (PackRecord const& pack : payload->packs) {
    B2B_ASSERT(pack.bytes <= max_pack_bytes && pack.chunks.size() <= max_pack_chunks);
    for (ChunkPlace const& place : pack.chunks) {
      B2B_ASSERT(place.content_bytes <= max_chunk_bytes);
      B2B_ASSERT(std::uint64_t{place.offset} + place.box_bytes <= pack.bytes);
    }
    bytes += index_bytes(pack);
  }
  B2B_ASSERT(bytes == size);
  B2B_ASSERT(format_index(payload->replaces, payload->packs) == text);
  return 0;
}
