// Writes captured bytes into room of the spool, in memory or on disk, and turns them into bodies.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "core/capture/spool.h"
#include "core/crypto/hash.h"
#include "core/util/byte_stream.h"

namespace b2b {

// Belongs to one thread. Several bodies may be cut from one writer; together they keep its room.
class SpoolWriter {
 public:
  static Result<SpoolWriter> create(std::shared_ptr<Spool::Room> room);
  Result<void> write(std::span<std::uint8_t const> bytes);
  std::uint64_t written() const { return written_; }
  std::shared_ptr<Spool::Room> const& room() const { return room_; }
  // What was written at [offset, offset + size). Nothing more may be written after the first call.
  std::shared_ptr<ByteSource const> body(std::uint64_t offset, std::uint64_t size);
  // The same bytes where they lie in memory, as long as a body of this writer is there; empty when they are on disk.
  std::span<std::uint8_t const> in_memory(std::uint64_t offset, std::uint64_t size) const;

 private:
  explicit SpoolWriter(std::shared_ptr<Spool::Room> room) : room_(std::move(room)), memory_(std::make_shared<std::string>()) {}
  std::shared_ptr<Spool::Room> room_;
  std::unique_ptr<FileSink> file_;  // unless in memory
  std::shared_ptr<std::string> memory_;
  std::uint64_t written_ = 0;
};

// SHA-256 of a whole body. Errors: the body's; cancelled.
Result<Sha256Digest> body_hash(ByteSource const& body, std::stop_token const& stop);

// The file that somebody else made at room->path(), of `size` bytes.
std::shared_ptr<ByteSource const> file_body(std::shared_ptr<Spool::Room> room, std::uint64_t size);

}  // namespace b2b
