// When a schedule fires next, in a time zone. Pure and clock-free.
//
// Daylight saving, as in Vixie cron:
//  - A schedule for certain hours ("30 2 * * *", "daily") fires once for each local time it names. A time
//    that the clocks skip in spring fires at the moment after the gap (2:30 at 3:00); several of them fire
//    there together, once. A time that the clocks show twice in autumn fires the first time only.
//  - A schedule that repeats by the hour (its hour field has "*" or a step, or names all hours: "hourly",
//    "*/10 * * * *", "0 */6 * * *") fires whenever the clocks show a time it names: in autumn in both passes,
//    in spring not for the time that is skipped. So "hourly" is every 60 minutes all year.
#pragma once

#include <optional>

#include "core/schedule/cron.h"
#include "core/schedule/time_zone.h"
#include "core/util/clock.h"

namespace b2b {

// The first firing strictly after `after`; none when the schedule is off, or has none before the year 2262,
// where TimePoint ends. Bounded: skips by month and day, and looks at each change of the zone's offset once
// at most.
std::optional<TimePoint> next_fire(CronSchedule const& schedule, TimeZone const& zone, TimePoint after);

}  // namespace b2b
