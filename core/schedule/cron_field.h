// One field of a cron expression. Part of cron.h's parser. Pure.
#pragma once

#include <string_view>

#include "core/schedule/cron.h"

namespace b2b {

struct CronFieldMask {
  std::uint64_t values = 0;
  bool begins_with_star = false;  // "*" or "?"
  bool has_step = false;
};

// Errors: bad_config. Their message is about the field only; parse_schedule adds the whole text.
Result<CronFieldMask> parse_cron_seconds(std::string_view text);
Result<CronFieldMask> parse_cron_minutes(std::string_view text);
Result<CronFieldMask> parse_cron_hours(std::string_view text);
Result<CronFieldMask> parse_cron_months(std::string_view text);
Result<CronDays> parse_cron_days(std::string_view text);
Result<CronWeekdays> parse_cron_weekdays(std::string_view text);

}  // namespace b2b
