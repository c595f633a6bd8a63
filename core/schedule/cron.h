// A schedule: which local times it names. Reading the text is here; when it fires next is in next_fire.h.
// Pure and clock-free.
//
// Forms:
//   "", "off"                                    no schedule
//   "hourly", "daily", "weekly"                  on the hour; at midnight; on Sunday at midnight
//   "@hourly", "@daily" or "@midnight", "@weekly", "@monthly", "@yearly" or "@annually"
//   "minute hour day-of-month month day-of-week"     five fields
//   "second minute hour day-of-month month day-of-week"     six fields
// A field is a list of values, ranges (1-5), steps (*/5, 10-40/10, 5/15 = from 5 on) and names (JAN-DEC,
// SUN-SAT, any case). 7 is Sunday too. The day fields take "?" for "*". Day of month: L (the last), L-3
// (three before the last), 15W (the weekday nearest to the 15th, in the same month), LW (the last weekday).
// Day of week: 5L (the month's last Friday), MON#2 (its second Monday).
//
// When both day fields are restricted, a day that fits either one counts (Vixie cron's rule). A day field
// that begins with "*" or "?" is not restricted: then a day must fit both.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

// Bit n of a mask stands for the value n.
struct CronDays {
  std::uint32_t days = 0;             // 1 to 31
  std::uint32_t before_last = 0;      // L-n: 0 to 30
  std::uint32_t nearest_weekday = 0;  // nW: 1 to 31
  bool last_weekday = false;          // LW
  bool unrestricted = false;
};

struct CronWeekdays {
  std::uint8_t weekdays = 0;          // 0 (Sunday) to 6
  std::uint8_t last = 0;              // 5L: 0 to 6
  std::array<std::uint8_t, 7> nth{};  // MON#2: for each weekday, 1 to 5
  bool unrestricted = false;
};

struct CronSchedule {
  std::string text;  // as it was written, for messages
  std::uint64_t seconds = 0;
  std::uint64_t minutes = 0;
  std::uint32_t hours = 0;
  std::uint16_t months = 0;  // 1 to 12
  CronDays days;
  CronWeekdays weekdays;
  bool repeats_by_hour = false;  // the hour field has "*" or a step, or names all hours; see next_fire.h

  bool is_off() const { return hours == 0; }
};

// Errors: bad_config, naming the field, the text that is wrong and what may stand there; also for a schedule
// that no date ever fits ("0 0 30 2 *").
Result<CronSchedule> parse_schedule(std::string_view text);

// The same check, for callers that only want to know.
Result<void> check_schedule(std::string_view text);

}  // namespace b2b
