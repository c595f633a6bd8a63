// The packed layout's names, sizes and bounds, as docs/format.md describes them. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/crypto/hash.h"
#include "core/util/encoding.h"

namespace b2b::packed {

using ChunkId = Sha256Digest;                   // HMAC-SHA256 of the content
using PackId = Sha256Digest;                    // SHA-256 of the object
using IndexId = Sha256Digest;                   // likewise
using RepositoryId = std::array<std::uint8_t, 16>;
using SlotId = std::array<std::uint8_t, 16>;
using OwnerId = std::array<std::uint8_t, 16>;   // of a mark: a machine's record of chunks, random

enum class ChunkType : std::uint8_t { data = 1, list = 2 };

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::string_view format_name = "b2backupd-packed";

inline constexpr std::size_t magic_bytes = 8;
inline constexpr std::string_view pack_magic = "B2BRPCK1";
inline constexpr std::string_view pack_end_magic = "B2BREND1";
inline constexpr std::string_view index_magic = "B2BRIDX1";
inline constexpr std::string_view snapshot_magic = "B2BRSNP1";
inline constexpr std::string_view mark_magic = "B2BRMRK1";
inline constexpr std::size_t salt_bytes = 32;
inline constexpr std::size_t tag_bytes = 16;
inline constexpr std::size_t pack_header_bytes = magic_bytes + salt_bytes;
inline constexpr std::size_t pack_footer_bytes = 16;

inline constexpr std::uint64_t pack_target_bytes = 16ULL << 20;  // of boxes; then a pack is closed
// Bounds for readers.
inline constexpr std::uint64_t max_chunk_bytes = 4ULL << 20;
inline constexpr std::uint64_t max_pack_bytes = 64ULL << 20;
inline constexpr std::uint64_t max_directory_bytes = 16ULL << 20;
inline constexpr std::uint32_t max_pack_chunks = 262'144;
inline constexpr std::uint64_t max_payload_bytes = 16ULL << 20;  // of an index or snapshot object
inline constexpr std::size_t max_config_bytes = 64 << 10;
inline constexpr std::size_t max_slot_bytes = 16 << 10;
inline constexpr std::size_t max_slots = 100;
inline constexpr std::size_t max_entry_line_bytes = 1 << 20;

inline constexpr std::uint32_t min_chunk_size = 256;

// How a stream is cut. Powers of two, min_chunk_size <= min < average < max <= max_chunk_bytes.
struct ChunkSizes {
  std::uint32_t min = 0;
  std::uint32_t average = 0;
  std::uint32_t max = 0;
  friend bool operator==(ChunkSizes const&, ChunkSizes const&) = default;
};
inline constexpr ChunkSizes data_chunk_sizes{8 << 10, 32 << 10, 128 << 10};
inline constexpr ChunkSizes list_chunk_sizes{4 << 10, 16 << 10, 64 << 10};

// Where one chunk lies.
struct ChunkPlace {
  ChunkId id{};
  ChunkType type = ChunkType::data;
  std::uint32_t offset = 0;          // of its box in the pack
  std::uint32_t box_bytes = 0;       // codec, payload and tag
  std::uint32_t content_bytes = 0;
  friend bool operator==(ChunkPlace const&, ChunkPlace const&) = default;
};

// An id as it stands in names and in JSON: lower-case hex of exactly its length.
template <class Id>
std::optional<Id> id_from_hex(std::string_view text) {
  auto const bytes = from_hex(text);
  Id id{};
  if (!bytes || bytes->size() != id.size() || to_hex(*bytes) != text) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

// Keys of objects. `prefix` is that of the plugin's layout: the repository is its sibling.
std::string repository_prefix(std::string_view prefix);                       // "{prefix}.repo/"
std::string config_key(std::string_view prefix);
std::string slots_prefix(std::string_view prefix);                            // "{prefix}.repo/keys/"
std::string slot_key(std::string_view prefix, SlotId const& id);
std::string packs_prefix(std::string_view prefix);
std::string pack_key(std::string_view prefix, PackId const& id);
std::string indexes_prefix(std::string_view prefix);
std::string index_key(std::string_view prefix, IndexId const& id);
std::string snapshots_prefix(std::string_view prefix);
std::string snapshot_key(std::string_view prefix, std::string_view snapshot_id);

std::string marks_prefix(std::string_view prefix);
std::string mark_key(std::string_view prefix, std::string_view mark);  // `mark`: 32 hex

std::string pins_prefix(std::string_view prefix);                             // "{prefix}.repo/pins/": of snapshots of either layout
std::string pin_key(std::string_view prefix, std::string_view snapshot_id);

// The times that keep collections and pushes apart (docs/format.md, "Collection"), by the store's clock.
inline constexpr std::chrono::hours push_limit{24};    // what a push saw of the packs is good for so long
inline constexpr std::chrono::hours mark_wait{25};     // between a mark and the removal of what it names
inline constexpr std::chrono::hours orphan_age{49};    // younger packs are not marked: somebody may be pushing

// The next length of the Padmé scheme (at least `bytes`; at most 12 % more).
std::uint64_t padme(std::uint64_t bytes);

}  // namespace b2b::packed
