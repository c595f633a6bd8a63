#include "core/schedule/next_fire.h"

#include <algorithm>

namespace b2b {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::chrono::year last_year{2261};
constexpr sys_seconds search_end = std::chrono::sys_days(std::chrono::year(2262) / 1 / 1);
// Times that clocks showed twice lie less than this after the change that set them back.
constexpr auto longest_overlap = std::chrono::hours(52);

LocalSeconds local_of(sys_seconds time, seconds offset) {
  return LocalSeconds((time + offset).time_since_epoch());
}

// The latest local time that the clocks have shown up to `time`: what is not after it has had its firing.
LocalSeconds latest_shown(TimeZone const& zone, sys_seconds time) {
  ZoneSpan span = zone.span_at(time);
  LocalSeconds latest = local_of(time, span.offset);
  while (span.begin > zone_begin && span.begin > time - longest_overlap) {
    sys_seconds const last_before = span.begin - seconds(1);
    span = zone.span_at(last_before);
    latest = std::max(latest, local_of(last_before, span.offset));
  }
  return latest;
}

std::optional<sys_seconds> next_at_certain_hours(CronSchedule const& schedule, TimeZone const& zone,
                                                 sys_seconds after) {
  LocalSeconds shown = latest_shown(zone, after);
  while (auto const local = next_local(schedule, shown, last_year)) {
    sys_seconds const fires = zone.to_utc(*local).first;
    if (fires > after) return fires;
    shown = *local;
  }
  return std::nullopt;
}

std::optional<sys_seconds> next_by_the_hour(CronSchedule const& schedule, TimeZone const& zone,
                                            sys_seconds after) {
  while (after < search_end) {
    ZoneSpan const span = zone.span_at(after + seconds(1));
    auto const local = next_local(schedule, local_of(after, span.offset), last_year);
    if (!local) return std::nullopt;
    sys_seconds const fires = sys_seconds(local->time_since_epoch()) - span.offset;
    if (fires < span.end) return fires;
    after = span.end - seconds(1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<TimePoint> next_fire(CronSchedule const& schedule, TimeZone const& zone, TimePoint after) {
  if (schedule.is_off()) return std::nullopt;
  auto const from = std::chrono::floor<seconds>(after);
  auto const fires = schedule.repeats_by_hour ? next_by_the_hour(schedule, zone, from)
                                              : next_at_certain_hours(schedule, zone, from);
  if (!fires || *fires >= search_end) return std::nullopt;
  return TimePoint(*fires);
}

}  // namespace b2b
