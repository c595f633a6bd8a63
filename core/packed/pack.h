// Packs: chunks in encrypted boxes, one object (docs/format.md, "Packs").
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto/key.h"
#include "core/crypto/sealed_box.h"
#include "core/packed/chunk_id.h"
#include "core/packed/codec.h"
#include "core/packed/format.h"
#include "core/util/byte_stream.h"
#include "core/util/error.h"

namespace b2b::packed {

// What the index says of a pack.
struct PackRecord {
  PackId id{};
  Salt salt{};
  std::uint64_t bytes = 0;               // of the object
  std::vector<ChunkPlace> chunks;        // by offset
};

// One pack while it fills, in memory, which is kept for the next one. One thread at a time.
class PackBuilder {
 public:
  // `encoded` is the content as Encoder makes it, `content_bytes` the content's length.
  void add(ChunkType type, ChunkId const& id, std::uint32_t content_bytes, std::string_view encoded);
  bool empty() const { return chunks_.empty(); }
  std::uint64_t box_bytes() const { return encoded_.size() + tag_bytes * chunks_.size(); }
  bool full() const { return box_bytes() >= pack_target_bytes || chunks_.size() >= max_pack_chunks; }

  // Writes the object to `sink`, chunks in random order, and begins anew. With `check`, each box is opened again before it is written: what it
  // holds must decrypt, decompress and have the chunk's id. The record's id is the digest of these very bytes. Errors: corrupt (what was in
  // memory changed there), the sink's. Not when empty.
  Result<PackRecord> finish(Key const& master, RepositoryId const& repository, ByteSink& sink, ChunkKeys const* check = nullptr);

 private:
  struct Waiting {
    ChunkId id;
    ChunkType type;
    std::uint32_t content_bytes;
    std::size_t begin;
    std::uint32_t bytes;
  };
  std::string encoded_;
  std::vector<Waiting> chunks_;
};

// Opens boxes of one pack; keeps the pack's key. One thread at a time.
class PackOpener {
 public:
  PackOpener(Key const& master, RepositoryId const& repository, Salt const& salt);
  // Replaces `content` by what the box `number` (in order of offsets) holds. corrupt: damaged, or another chunk.
  // That the content has the chunk's id is for the caller to check.
  Result<void> open(std::uint32_t number, ChunkPlace const& place, std::string_view box, std::string& content);
  // The same, until the next call.
  Result<std::string_view> open(std::uint32_t number, ChunkPlace const& place, std::string_view box);

 private:
  RepositoryId repository_;
  BoxCipher cipher_;
  Decoder decoder_;
  std::string encoded_;
  std::string decoded_;
};

// The directory from the end of a pack. `read(offset, bytes)` reads a part of the object, whose length is `pack_bytes`. The record's
// id is left to the caller. corrupt: not a pack, damaged, of another repository.
using ReadRange = std::function<Result<std::string>(std::uint64_t offset, std::uint64_t bytes)>;
Result<PackRecord> read_pack_directory(Key const& master, RepositoryId const& repository, std::uint64_t pack_bytes,
                                       ReadRange const& read);

}  // namespace b2b::packed
