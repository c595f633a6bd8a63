#include "core/watch/quiet.h"

#include <algorithm>

namespace b2b {
namespace {

constexpr std::uint64_t bytes_per_interval_second = 1'000'000;  // 100 MB/s for one hundredth of the time
constexpr std::chrono::nanoseconds longest_for_a_tenth = std::chrono::hours(1);

// What a clock that went wrong makes of it is bounded too, so that nothing overflows.
std::chrono::nanoseconds duration_of(PushCost const& cost) {
  std::chrono::nanoseconds const none{0}, day = longest_stretched_interval;
  return std::clamp(cost.capture, none, day) + std::clamp(cost.upload, none, day);
}

}  // namespace

std::chrono::seconds push_interval(QuietRule const& rule, PushCost const& last) {
  auto const longest = static_cast<std::uint64_t>(longest_stretched_interval.count());
  auto const for_bytes = std::chrono::seconds(std::min(last.copied_bytes / bytes_per_interval_second, longest));
  auto const took = duration_of(last);
  auto const for_time = std::chrono::ceil<std::chrono::seconds>(std::max(std::min(10 * took, longest_for_a_tenth), 2 * took));
  return std::max(rule.min_interval, std::min(std::max(for_bytes, for_time), longest_stretched_interval));
}

std::optional<TimePoint> next_push(ChangeSet const& changes, QuietRule const& rule, PushCost const& last_cost,
                                   std::optional<TimePoint> last_push, TimePoint now) {
  if (changes.empty()) return std::nullopt;
  auto const interval = push_interval(rule, last_cost);
  // Times after now are from before the clock was set back.
  auto const first = std::min(*changes.first_change(), now);
  auto const last = std::min(*changes.last_change(), now);
  auto const at = std::min(last + rule.quiet, first + interval);
  return last_push ? std::max(at, std::min(*last_push, now) + interval) : at;
}

}  // namespace b2b
