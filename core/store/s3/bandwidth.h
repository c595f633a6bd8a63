// A limit on bytes per second, shared by all connections: a token bucket. Its arithmetic is pure; Bandwidth
// blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "core/util/clock.h"

namespace b2b::s3 {

class TokenBucket {
 public:
  // A quarter of a second's worth may be spent at once after a pause.
  explicit TokenBucket(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}
  // Books `bytes` and says how long the caller must wait before it moves them. Bookings queue up: each waits
  // for those before it.
  std::chrono::nanoseconds book(std::uint64_t bytes, std::chrono::nanoseconds monotonic_now);

 private:
  std::uint64_t rate_;
  std::chrono::nanoseconds free_at_{};  // when everything booked so far will have passed
  bool started_ = false;
};

// Thread-safe. A rate of 0 means no limit.
class Bandwidth {
 public:
  Bandwidth(std::uint64_t bytes_per_second, Clock& clock)
      : rate_(bytes_per_second), bucket_(bytes_per_second), clock_(clock) {}
  // Waits until `bytes` may pass; false when a stop was requested.
  bool pass(std::uint64_t bytes, std::stop_token const& stop);
  // How many bytes to move at a time, so that slow limits are shared evenly and no connection waits for long.
  std::size_t slice(std::size_t wanted) const;

 private:
  std::uint64_t const rate_;
  std::mutex mutex_;
  TokenBucket bucket_;
  Clock& clock_;
};

}  // namespace b2b::s3
