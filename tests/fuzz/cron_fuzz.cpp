// A schedule's text: parsing ends, and what it accepts fires in order, on times that it names.
#include <cstdint>
#include <string_view>

#include "core/schedule/due.h"
#include "core/util/encoding.h"

using namespace b2b;

namespace {

TimeZone const& zone() {
  static TimeZone const berlin("Berlin", ZoneRules{{}, {}, *parse_posix_tz("CET-1CEST,M3.5.0,M10.5.0/3")});
  return berlin;
}

void check_fires(CronSchedule const& schedule, TimeZone const& in_zone, TimePoint after) {
  for (int round = 0; round < 4; ++round) {
    auto const next = next_fire(schedule, in_zone, after);
    if (!next) {
      // Nothing is rarer than 29 February on one weekday: every 40 years at most.
      B2B_ASSERT(after > TimePoint(std::chrono::sys_days(std::chrono::year(2200) / 1 / 1)));
      return;
    }
    B2B_ASSERT(*next > after);
    auto const local = in_zone.to_local(std::chrono::floor<std::chrono::seconds>(*next));
    // Fires on a local time that it names, or just after a gap that holds one.
    auto const named = next_local(schedule, local - std::chrono::seconds(1), std::chrono::year(2400));
    auto const in_gap = next_local(schedule, local - std::chrono::seconds(3601), std::chrono::year(2400));
    B2B_ASSERT((named && *named == local) ||
               (in_gap && *in_gap < local && in_zone.to_utc(*in_gap).first == *next));
    DueAnswer const answer = due(schedule, in_zone, {after, *next});
    B2B_ASSERT(answer.due_now && answer.next != next);
    B2B_ASSERT(!due(schedule, in_zone, {*answer.remember, *next}).due_now);
    after = *next;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const schedule = parse_schedule(as_text({data, size}));
  if (!schedule) {
    B2B_ASSERT(schedule.error().condition == Condition::bad_config);
    B2B_ASSERT(!schedule.error().message.empty() && !schedule.error().advice.empty());
    return 0;
  }
  if (schedule->is_off()) return 0;
  auto const day = std::chrono::days(size * 97 % 36525);
  TimePoint const after(std::chrono::sys_days(std::chrono::year(2000) / 1 / 1) + day);
  check_fires(*schedule, zone(), after);
  check_fires(*schedule, TimeZone(), after);
  return 0;
}
