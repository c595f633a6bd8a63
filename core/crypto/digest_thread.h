// The SHA-256 of a content that is read in pieces. That of a long one is made by a thread of its own while the caller does something else
// with the same bytes, so that one large file is work for two processors.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "core/crypto/hash.h"

namespace b2b {

// One caller, on one thread. Memory: three pieces.
class DigestThread {
 public:
  explicit DigestThread(std::size_t piece_bytes);
  DigestThread(DigestThread const&) = delete;
  DigestThread& operator=(DigestThread const&) = delete;
  ~DigestThread();

  // Room for the next piece; waits until it is free. What lay in the one before is there until the next call.
  std::span<std::uint8_t> room();
  // The first `bytes` of the room that was given last are the next of the content. They are not to be changed any more.
  void update(std::size_t bytes);
  Sha256Digest finish();  // of all pieces; once

 private:
  static constexpr std::uint64_t pieces = 3;  // one that is filled, one that is hashed, one that waits
  void run();
  void end();

  std::size_t const piece_bytes_;
  std::array<std::unique_ptr<std::uint8_t[]>, pieces> buffers_;
  std::array<std::size_t, pieces> sizes_{};
  std::mutex mutex_;  // of the next three
  std::condition_variable changed_;
  std::uint64_t filled_ = 0, hashed_ = 0;  // pieces
  bool ended_ = false;
  Sha256 digest_;       // the thread's until it has ended
  std::thread thread_;  // the last: it uses all of the above
};

// The same interface; below 4 MiB, where a thread costs more than it saves, without one, and with a single piece.
class PieceDigest {
 public:
  PieceDigest(std::uint64_t content_bytes, std::size_t piece_bytes);
  std::span<std::uint8_t> room() { return thread_ ? thread_->room() : std::span(buffer_.get(), piece_bytes_); }
  void update(std::size_t bytes);
  Sha256Digest finish() { return thread_ ? thread_->finish() : here_.finish(); }

 private:
  std::optional<DigestThread> thread_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t piece_bytes_;
  Sha256 here_;
};

}  // namespace b2b
