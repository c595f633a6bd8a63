// Reads chunks out of packs: a part of a pack where little of it is wanted, else the whole pack once, kept in a scratch folder for what else
// is wanted of it. Everything that is given out was decrypted, and has its id.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "core/packed/repository.h"

namespace b2b::packed {

class ChunkReader {
 public:
  // `scratch_dir` exists and outlives the reader; at most eight packs lie there at a time.
  ChunkReader(std::shared_ptr<Repository> repository, std::string scratch_dir, std::stop_token stop);
  ~ChunkReader();

  // These chunks will be wanted, in about this order: what is known before makes fewer and larger requests, and packs come before they
  // are asked for. Thread-safe.
  Result<void> expect(ChunkType type, std::span<ChunkId const> ids);

  // Replaces `content`. Thread-safe. Damaged bytes are read once more before they are believed, and then looked for in other packs that
  // have the chunk. What is gone is looked for again after sync_again() where the repository is `read_only`. Errors: not_found (no pack that we
  // know of has it, or they are gone), corrupt, the store's.
  Result<void> read(ChunkType type, ChunkId const& id, std::string& content);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b::packed
