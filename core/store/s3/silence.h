// Since when has the store said nothing, although something waits for it? An answer is one, and so are bytes that it took, beyond those
// that its side of the network takes without it. Attempts that follow each other without an answer are one silence. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/util/clock.h"

namespace b2b::s3 {

class Silence {
 public:
  explicit Silence(Clock& clock) : clock_(clock) {}

  void begins();                          // an exchange, from its connecting on
  void sign_of_life();
  enum class End { answered, unanswered, cancelled };
  void ends(End how);
  // On the monotonic clock; nullopt: nothing was asked, or the last that was asked was answered.
  std::optional<std::chrono::nanoseconds> since() const;
  Clock& clock() const { return clock_; }

 private:
  Clock& clock_;
  mutable std::mutex mutex_;
  std::size_t waiting_ = 0;
  std::optional<std::chrono::nanoseconds> since_;
};

// What of one connection's bytes the other side took.
class TakenBytes {
 public:
  void wrote(std::size_t bytes) { written_ += bytes; }
  // true: more than at the last look, and more than a network takes by itself.
  bool more(int socket);

 private:
  std::uint64_t written_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace b2b::s3
