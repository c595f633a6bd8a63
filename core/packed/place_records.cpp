#include "core/packed/place_records.h"

namespace b2b::packed {

void append_place(std::string& out, ChunkPlace const& place) {
  append_bytes(out, place.id);
  append_integer(out, static_cast<std::uint8_t>(place.type));
  append_integer(out, place.offset);
  append_integer(out, place.box_bytes);
  append_integer(out, place.content_bytes);
}

Result<std::vector<ChunkPlace>> read_places(WireReader& reader, std::uint32_t count, std::uint64_t pack_bytes) {
  auto const damaged = [](char const* why) { return make_error(Condition::corrupt, why); };
  if (pack_bytes > max_pack_bytes) return damaged("a pack is longer than it may be");
  if (count > max_pack_chunks) return damaged("a pack has more chunks than it may");
  if (reader.rest().size() / place_bytes < count) return damaged("it is too short");
  std::vector<ChunkPlace> places;
  places.reserve(count);
  std::uint64_t next = pack_header_bytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    ChunkPlace place;
    place.id = reader.bytes<32>();
    auto const type = reader.integer<std::uint8_t>();
    place.offset = reader.integer<std::uint32_t>();
    place.box_bytes = reader.integer<std::uint32_t>();
    place.content_bytes = reader.integer<std::uint32_t>();
    if (type != static_cast<std::uint8_t>(ChunkType::data) && type != static_cast<std::uint8_t>(ChunkType::list))
      return damaged("a chunk has an unknown type");
    place.type = static_cast<ChunkType>(type);
    if (place.content_bytes > max_chunk_bytes) return damaged("a chunk is longer than it may be");
    // One byte of codec, the tag; nothing is stored longer than it is.
    if (place.box_bytes < 1 + tag_bytes || place.box_bytes > 1 + tag_bytes + place.content_bytes)
      return damaged("a chunk has an impossible length");
    if (place.offset != next) return damaged("chunks do not lie one behind the other");
    next += place.box_bytes;
    places.push_back(place);
  }
  if (next > pack_bytes) return damaged("a pack's chunks reach past its end");
  return places;
}

}  // namespace b2b::packed
