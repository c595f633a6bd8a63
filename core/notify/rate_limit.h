// Which events are told: alerts so frequent that nobody reads them are as bad as none. Pure.
//
// A success is always told; the first one after a told failure is a recovery. The same failure (same
// condition, same text apart from numbers) is told at most once per interval, and so is "stale". After a
// recovery a failure that was told within the interval is told again only when it comes twice in a row: a
// store that flickers is not reported at each flicker, one that stays away is.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b {

enum class NotifyKind { success, failure, stale };
std::string_view notify_kind_name(NotifyKind kind);  // "success", "failure", "stale": B2B_EVENT

struct ToldFailure {
  std::string what;        // failure_key()
  TimePoint at;            // when it was told last
  bool recovered = false;  // a success came since
  bool again = false;      // and then it came once more, untold

  friend bool operator==(ToldFailure const&, ToldFailure const&) = default;
};

constexpr std::size_t told_failures_max = 16;  // different ones at the same time; more push out the oldest

struct NotifyState {
  bool failing = false;           // a failure or "stale" was told, and no success since
  std::vector<ToldFailure> told;  // oldest first, at most told_failures_max

  friend bool operator==(NotifyState const&, NotifyState const&) = default;
};

struct NotifyDecision {
  bool tell = false;
  bool recovery = false;
};

// The failure as it is compared: condition and message, digits left out (addresses, sizes, times and ids
// differ from one try to the next).
std::string failure_key(Error const& error);

// Decides, and notes in `state` that it was told. `failure`: of failure_key(), for NotifyKind::failure only.
// A time of telling that lies ahead of `now` (the clock was set back) counts as long ago.
NotifyDecision decide(NotifyState& state, NotifyKind kind, std::string_view failure, TimePoint now,
                      std::chrono::nanoseconds interval);

// The state as text, to be kept between runs. Text that is damaged or of another version gives an empty
// state: telling once too often is the better mistake.
std::string to_text(NotifyState const& state);
NotifyState notify_state_from(std::string_view text);

}  // namespace b2b
