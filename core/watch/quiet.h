// When do changes become a push? Pure: the rule `watch: {push, quiet, minInterval}` as a function of times.
//
// After the last change, `quiet` passes without another one, so that a conversation's writes go up together. A log that
// never rests is pushed all the same, one interval after its first change. Two pushes that changes cause start at least
// one interval apart. The interval is minInterval, or longer where the last such push cost much (PushCost): the longest of
//   1 s for each MB that was copied: a database is captured whole, however little of it changed. Copying at 100 MB/s stays
//     below one hundredth of the time: 2 GB ask for 33 minutes;
//   10 times as long as it took, up to an hour: pushing stays below one tenth of the time;
//   twice as long as it took: so that captures never come faster than a slow line takes them.
// It is never stretched beyond a day.
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

// What the last push that changes caused came to; nothing: there was none, or it is not known.
struct PushCost {
  std::uint64_t copied_bytes = 0;        // out of the live state
  std::chrono::nanoseconds capture{0};   // how long that took
  std::chrono::nanoseconds upload{0};    // and how long its upload did, without the time that it waited for it
};

std::chrono::seconds push_interval(QuietRule const& rule, PushCost const& last);

// When to push; a time that is not after `now` means at once, nullopt means never (nothing changed). `last_push` is the start
// of the last push, whatever caused it and however it ended; nullopt: none yet. `changes` are those since its start.
// Ask again when any of the arguments changes. Times after `now` are from before the clock was set back and count as now: who keeps
// them must make them so as well (ChangeSet::clock_is), or each question starts the wait anew. Then the push is late by one interval
// at most.
std::optional<TimePoint> next_push(ChangeSet const& changes, QuietRule const& rule, PushCost const& last_cost,
                                   std::optional<TimePoint> last_push, TimePoint now);

}  // namespace b2b
