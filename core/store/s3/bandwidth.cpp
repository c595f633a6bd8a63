#include "core/store/s3/bandwidth.h"

#include <algorithm>

#include "core/store/s3/retry.h"
#include "core/util/wait.h"

namespace b2b::s3 {

std::chrono::nanoseconds TokenBucket::book(std::uint64_t bytes, std::chrono::nanoseconds monotonic_now) {
  auto const burst = std::chrono::milliseconds(250);
  if (!started_ || free_at_ < monotonic_now - burst) free_at_ = monotonic_now - burst;
  started_ = true;
  auto const seconds = static_cast<double>(bytes) / static_cast<double>(rate_);
  free_at_ += std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  return std::max(std::chrono::nanoseconds(0), free_at_ - monotonic_now);
}

bool Bandwidth::pass(std::uint64_t bytes, std::stop_token const& stop) {
  if (rate_ == 0 || bytes == 0) return !stop.stop_requested();
  std::chrono::nanoseconds wait{};
  {
    std::scoped_lock lock(mutex_);
    wait = bucket_.book(bytes, clock_.monotonic());
  }
  if (wait.count() == 0) return !stop.stop_requested();
  return wait_unless_stopped(wait, stop);
}

std::size_t Bandwidth::slice(std::size_t wanted) const {
  if (rate_ == 0) return wanted;
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::min<std::uint64_t>(rate_ / 32, wanted)),
                                 std::min<std::size_t>(wanted, 1024), wanted);
}

}  // namespace b2b::s3
