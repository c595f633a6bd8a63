// When do changes become a push? Pure: the rule `watch: {push, quiet, minInterval}` as a function of times.
//
// After the last change, `quiet` passes without another one, so that a conversation's writes go up together. A log that
// never rests is pushed all the same, one interval after its first change. Two pushes that changes cause start at least
// one interval apart. The interval is minInterval, or longer where a push must copy much (a database is captured whole,
// however little of it changed): copying at 100 MB/s stays below one hundredth of the time, so 1 MB asks for 1 second and
// 2 GB for 33 minutes. It is never stretched beyond a day.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/util/clock.h"
#include "core/watch/changes.h"

namespace b2b {

struct QuietRule {
  std::chrono::seconds quiet{20};
  std::chrono::seconds min_interval{300};
};

inline constexpr std::chrono::seconds longest_stretched_interval = std::chrono::hours(24);

// `bytes_to_copy`: what the next push has to copy even if one byte changed.
std::chrono::seconds push_interval(QuietRule const& rule, std::uint64_t bytes_to_copy);

// When to push; a time that is not after `now` means at once, nullopt means never (nothing changed). `last_push` is the start
// of the last push, whatever caused it and however it ended; nullopt: none yet. `changes` are those since its start.
// Ask again when any of the arguments changes. Times after `now` are from before the clock was set back and count as now: who keeps
// them must make them so as well (ChangeSet::clock_is), or each question starts the wait anew. Then the push is late by one interval
// at most.
std::optional<TimePoint> next_push(ChangeSet const& changes, QuietRule const& rule, std::uint64_t bytes_to_copy,
                                   std::optional<TimePoint> last_push, TimePoint now);

}  // namespace b2b
