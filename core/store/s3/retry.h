// When to try again, and how long to wait first. The policy is pure: time and chance come in as arguments.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b::s3 {

struct RetrySettings {
  unsigned max_attempts = 8;
  std::chrono::nanoseconds backoff_initial{};
  std::chrono::nanoseconds backoff_max{};
  std::chrono::nanoseconds total{};  // after the first failure no wait may end later than this
};

// The attempts of one call. failed() is told of each failure and says what comes next.
class RetryState {
 public:
  explicit RetryState(RetrySettings const& settings) : settings_(settings) {}

  // How long to wait before the next attempt, or nothing: give up. The backoff grows by half each time; the
  // wait is between half of it and all of it (`random` in [0, 1)), and never shorter than `retry_after`.
  std::optional<std::chrono::nanoseconds> failed(bool retryable, std::chrono::nanoseconds monotonic_now,
                                                 std::optional<std::chrono::nanoseconds> retry_after,
                                                 double random);
  unsigned attempts() const { return attempts_; }  // failed so far

 private:
  RetrySettings settings_;
  unsigned attempts_ = 0;
  std::chrono::nanoseconds backoff_{};
  std::chrono::nanoseconds first_failure_{};
};

// The value of a Retry-After header (seconds or an HTTP date) as a wait from `now`; nothing when it is
// neither.
std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, TimePoint now);

Error cancelled_error(std::string_view what);

}  // namespace b2b::s3
