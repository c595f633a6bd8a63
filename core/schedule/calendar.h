// Which days and local times a schedule names, without time zones. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "core/schedule/cron.h"

namespace b2b {

using LocalSeconds = std::chrono::local_seconds;

// The days of that month that the schedule names: bit n stands for day n.
std::uint32_t days_in_month(CronSchedule const& schedule, std::chrono::year_month month);

// The first local time strictly after `after` that the schedule names; none when there is none before the end
// of `last_year`. Skips by month and day: a search over 400 years without a hit takes below a millisecond.
std::optional<LocalSeconds> next_local(CronSchedule const& schedule, LocalSeconds after,
                                       std::chrono::year last_year);

}  // namespace b2b
