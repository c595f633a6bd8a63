// What names a chunk: an HMAC of its content, so that nobody without the master key can tell whether a known
// text is stored.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/crypto/key.h"
#include "core/packed/format.h"

namespace b2b::packed {

// The keys of chunks, derived from the master key (docs/format.md, "Keys"). Immutable: may be used by many
// threads at once.
class ChunkKeys {
 public:
  explicit ChunkKeys(Key const& master_key);
  ChunkKeys(ChunkKeys&&) noexcept;
  ~ChunkKeys();
  Key const& data_id_key() const;
  Key const& list_id_key() const;
  Key const& gear_key() const;

 private:
  friend ChunkId chunk_id(ChunkKeys const& keys, ChunkType type, std::span<std::uint8_t const> content);
  struct Impl;
  std::unique_ptr<Impl const> impl_;
};

// HMAC-SHA256 of the content with the key of its type. The key's share of the work was done once, by the
// constructor.
ChunkId chunk_id(ChunkKeys const& keys, ChunkType type, std::span<std::uint8_t const> content);

}  // namespace b2b::packed
