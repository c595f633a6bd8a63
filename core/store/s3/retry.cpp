#include "core/store/s3/retry.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace b2b::s3 {

std::optional<std::chrono::nanoseconds> RetryState::failed(
    bool retryable, std::chrono::nanoseconds monotonic_now,
    std::optional<std::chrono::nanoseconds> retry_after, double random) {
  if (attempts_ == 0) {
    first_failure_ = monotonic_now;
    backoff_ = settings_.backoff_initial;
  } else {
    backoff_ = std::min(backoff_ + backoff_ / 2, settings_.backoff_max);
  }
  ++attempts_;
  if (!retryable || attempts_ >= settings_.max_attempts) return std::nullopt;
  auto wait = backoff_ / 2 + std::chrono::nanoseconds(static_cast<std::int64_t>(
                                 static_cast<double>((backoff_ / 2).count()) * std::clamp(random, 0.0, 1.0)));
  if (retry_after) wait = std::max(wait, *retry_after);
  if (monotonic_now - first_failure_ + wait > settings_.total) return std::nullopt;
  return wait;
}

std::optional<std::chrono::nanoseconds> parse_retry_after(std::string_view value, TimePoint now) {
  std::uint32_t seconds = 0;
  auto const [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc{} && end == value.data() + value.size()) return std::chrono::seconds(seconds);
  auto const date = parse_http_date(value);
  if (!date) return std::nullopt;
  return std::max(std::chrono::nanoseconds(0), *date - now);
}

Error cancelled_error(std::string_view what) {
  return make_error(Condition::cancelled, std::string(what) + " was stopped on request");
}

}  // namespace b2b::s3
