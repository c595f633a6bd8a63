#include "core/packed/index_object.h"

#include "core/packed/place_records.h"
#include "core/packed/wire.h"

namespace b2b::packed {
namespace {

constexpr std::size_t pack_head_bytes = 32 + salt_bytes + 8 + 4;

Error damaged(std::string_view why) {
  return make_error(Condition::corrupt, "the index object is damaged: " + std::string(why));
}

}  // namespace

std::size_t index_bytes(PackRecord const& pack) { return pack_head_bytes + place_bytes * pack.chunks.size(); }

std::string format_index(std::span<IndexId const> replaces, std::span<PackRecord const> packs) {
  std::string out;
  append_integer(out, static_cast<std::uint32_t>(replaces.size()));
  for (IndexId const& id : replaces) append_bytes(out, id);
  append_integer(out, static_cast<std::uint32_t>(packs.size()));
  for (PackRecord const& pack : packs) {
    append_bytes(out, pack.id);
    append_bytes(out, pack.salt);
    append_integer(out, pack.bytes);
    append_integer(out, static_cast<std::uint32_t>(pack.chunks.size()));
    for (ChunkPlace const& place : pack.chunks) append_place(out, place);
  }
  return out;
}

Result<IndexPayload> parse_index(std::string_view payload) {
  IndexPayload out;
  WireReader reader(as_bytes(payload));
  auto const replaced = reader.integer<std::uint32_t>();
  if (reader.rest().size() / 32 < replaced) return damaged("it is too short");
  for (std::uint32_t i = 0; i < replaced; ++i) out.replaces.push_back(reader.bytes<32>());
  auto const packs = reader.integer<std::uint32_t>();
  if (reader.rest().size() / pack_head_bytes < packs) return damaged("it is too short");
  out.packs.reserve(packs);
  for (std::uint32_t i = 0; i < packs; ++i) {
    PackRecord pack;
    pack.id = reader.bytes<32>();
    pack.salt = reader.bytes<salt_bytes>();
    pack.bytes = reader.integer<std::uint64_t>();
    auto const count = reader.integer<std::uint32_t>();
    if (!reader.ok()) return damaged("it is too short");
    auto places = read_places(reader, count, pack.bytes);
    if (!places) return damaged(places.error().message);
    pack.chunks = std::move(*places);
    out.packs.push_back(std::move(pack));
  }
  if (!reader.ok()) return damaged("it is too short");
  if (!reader.rest().empty()) return damaged("something follows its end");
  return out;
}

}  // namespace b2b::packed
