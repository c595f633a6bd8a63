#include "core/watch/quiet.h"

#include <algorithm>

namespace b2b {
namespace {

constexpr std::uint64_t bytes_per_interval_second = 1'000'000;  // 100 MB/s for one hundredth of the time

}  // namespace

std::chrono::seconds push_interval(QuietRule const& rule, std::uint64_t bytes_to_copy) {
  auto const longest = static_cast<std::uint64_t>(longest_stretched_interval.count());
  std::uint64_t const stretched = std::min(bytes_to_copy / bytes_per_interval_second, longest);
  return std::max(rule.min_interval, std::chrono::seconds(stretched));
}

std::optional<TimePoint> next_push(ChangeSet const& changes, QuietRule const& rule, std::uint64_t bytes_to_copy,
                                   std::optional<TimePoint> last_push, TimePoint now) {
  if (changes.empty()) return std::nullopt;
  auto const interval = push_interval(rule, bytes_to_copy);
  // Times after now are from before the clock was set back.
  auto const first = std::min(*changes.first_change(), now);
  auto const last = std::min(*changes.last_change(), now);
  auto const at = std::min(last + rule.quiet, first + interval);
  return last_push ? std::max(at, std::min(*last_push, now) + interval) : at;
}

}  // namespace b2b
