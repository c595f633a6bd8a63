// When the daemon checks by itself what is stored: its content each so often, its presence once a day. Pure: times and what is going on come in.
//
//  - The first times are spread over a whole period, by the instance, and from then on each instance goes on from its own.
//  - What is due waits for a moment (five minutes to half an hour, by the instance too): machines that are switched on at the same hour do not
//    all ask at once, and a laptop that wakes has its network by then. This wait is on the monotonic clock, which stands still in sleep.
//  - Then it waits for quiet, for two hours at most; after that it only waits for the jobs that run.
//  - What was begun and did not come to its end (the store is away, the daemon was killed) is tried again after an hour, and after
//    twice as long with each failure in a row, up to a day; after a day where the account's cap is used up.
// With a short period all these waits shrink along. The dates are kept by the caller over restarts, for one target (a store and a prefix).
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/config/service_config.h"
#include "core/engine/scheduled_check.h"
#include "core/util/clock.h"

namespace b2b::service {

class CheckTimes {
 public:
  // `instance` spreads machines.
  CheckTimes(CheckConfig const& config, std::string instance, std::string target);

  // What was kept: text() of an earlier run. That of another target, or what is no such text, counts for nothing.
  void restore(std::string_view text);
  std::string text() const;                      // to keep; it changes in look(), began() and ended()
  void configure(CheckConfig const& config, std::string target);

  struct Moment {
    TimePoint now;                               // may jump
    std::chrono::nanoseconds monotonic{0};
    std::chrono::nanoseconds unchanged_for{0};   // how long nothing changed in the state directory, as far as is known
    bool resting = false;                        // no job runs or waits
  };
  struct Due {
    std::optional<CheckKind> begin;              // began() follows
    std::optional<TimePoint> look_again;         // nullopt: checks are off, or one is under way, or other jobs are
  };
  Due look(Moment const& moment);
  void began(CheckKind kind, TimePoint now);
  // done: whatever it found. stopped: by a person or the end of the daemon, which is no failure. capped: not before the account's caps are
  // reset. Of one that began for another target, nothing is kept.
  enum class End { done, failed, stopped, capped };
  void ended(CheckKind kind, TimePoint now, End end);

  // The last one came to its end longer ago than two periods: since when; before the first one, since about when it should have been.
  std::optional<TimePoint> overdue_since(CheckKind kind, TimePoint now) const;

 private:
  struct Kind {
    std::optional<TimePoint> last;               // when one came to its end; or the first time, less a period
    std::optional<TimePoint> tried;              // when one began that did not
    std::uint32_t failures = 0;                  // in a row, of those; the one that runs counts as one
    std::optional<std::chrono::nanoseconds> due_since;   // on the monotonic clock
  };
  static std::size_t place_of(CheckKind kind) { return kind == CheckKind::content ? 0 : 1; }
  Kind& of(CheckKind kind) { return kinds_[place_of(kind)]; }
  std::chrono::nanoseconds period(CheckKind kind) const;
  TimePoint due_at(CheckKind kind, TimePoint now);
  std::chrono::nanoseconds at_most(std::chrono::nanoseconds time) const;   // shortened for a short period
  std::chrono::nanoseconds settling() const;

  CheckConfig config_;
  std::string instance_;
  std::string target_;
  std::array<Kind, 2> kinds_;
  std::optional<CheckKind> running_;
  std::string running_target_;
};

}  // namespace b2b::service
