// Is a scheduled run due, and when is the next one? Pure and clock-free: the daemon asks at start, at `next`,
// and whenever the clock jumped or the machine woke up.
//
// `handled` is kept by the caller over restarts: everything scheduled up to there has had its run. It comes
// from this function (`remember`), never from elsewhere, and is absent at the first start. Forget it when the
// schedule or the zone changes, or the new schedule's past would count as missed.
//
// What happens when:
//  - first start (`handled` absent): nothing is due; `remember` is now, so that the next slot counts even if
//    it passes while the daemon is stopped.
//  - a slot has come since `handled`: due. Several missed slots (sleep, a stopped daemon, a clock that jumped
//    ahead) are one run: `remember` covers them all.
//  - the clock was set back a little (`handled` lies ahead, at most one period): nothing is due until the
//    clock has passed `handled` again, so that no slot runs twice.
//  - the clock was set back by more than one period (it had been wrong, or is now): waiting could take years,
//    so `handled` becomes now, and the schedule goes on from here; slots that come again run again, once. The
//    period is the time between the next two slots.
//  - the schedule is off: nothing is due, nothing is next.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/schedule/next_fire.h"

namespace b2b {

struct DueQuestion {
  std::optional<TimePoint> handled;
  TimePoint now;
  std::chrono::seconds delay{0};  // every slot comes this much later; see spread_delay
};

struct DueAnswer {
  bool due_now = false;
  std::optional<TimePoint> next;  // first slot after now, or after `handled` if that lies ahead; with delay
  std::optional<TimePoint> remember;  // store it as `handled`: when due, once the run has begun; else at once
};

DueAnswer due(CronSchedule const& schedule, TimeZone const& zone, DueQuestion const& question);

// From 0 to `most`, always the same for the same seed (the instance's id), so that many machines with one
// schedule do not all call the store in the same second.
std::chrono::seconds spread_delay(std::string_view seed, std::chrono::seconds most);

}  // namespace b2b
