// Stores chunks that are not there yet: in packs, several at a time. Each chunk is decrypted again and compared while its pack is sealed, and
// what is sent must be the bytes that were looked at (corrupt: this machine's memory or disk changed them).
//
// add() may be called from any thread; it blocks while too many packs wait for their upload. The first failure stops everything: add() and
// flush() return it. A pack is first a file in `spool_dir`, and is removed when it is in the store.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "core/packed/repository.h"

namespace b2b::packed {

class ChunkWriter {
 public:
  // Memory: the pack that fills and one that is sealed, by a thread of its own (16 MiB each), and about 1 MB for each thread that calls add(). On disk at most
  // six packs: four on their way, one that waits and the one that is sealed.
  // `spool_dir` is emptied of what an earlier one left.
  static Result<std::unique_ptr<ChunkWriter>> create(std::shared_ptr<Repository> repository, std::string spool_dir,
                                                     std::stop_token stop);
  ~ChunkWriter();  // cancels what is under way

  // Its id; the chunk is in the store, or will be after flush(). At most max_chunk_bytes, not empty.
  Result<ChunkId> add(ChunkType type, std::span<std::uint8_t const> content);

  // The same, whether packs have it already or not: one more copy, for packs that are about to go. Once for each chunk.
  Result<ChunkId> add_again(ChunkType type, std::span<std::uint8_t const> content);

  // This data chunk is on its way into the store.
  bool underway(ChunkId const& id) const;

  // Closes the pack that fills, and waits until all packs are in the store (durable after the store's own flush()).
  Result<void> flush();

  // What all of its answers rest on: the index as it was when this was made, and that nothing was lost since. Others may sync the repository
  // meanwhile; what they find out must not pass for what was known here.
  struct Start {
    TimePoint synced_at{};
    std::uint64_t losses = 0;  // ChunkIndex::losses()
  };
  Start start() const;

  std::uint64_t bytes_uploaded() const;   // of packs
  std::uint64_t chunks_added() const;     // that were not there before

 private:
  struct Impl;
  explicit ChunkWriter(std::unique_ptr<Impl> impl);
  Result<ChunkId> add_unless(ChunkType type, std::span<std::uint8_t const> content, bool there_is_enough);
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b::packed
