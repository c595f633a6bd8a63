// The rule form of POSIX' TZ variable, "CET-1CEST,M3.5.0,M10.5.0/3": how a zone goes on after the times that
// its file lists, or a whole zone. With RFC 9636's extension (rule times from -167 to 167 hours). Pure.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

struct PosixDate {
  enum class Form { week_of_month, day_without_leap, day_of_year };
  Form form = Form::week_of_month;
  unsigned month = 1;    // week_of_month: 1 to 12
  unsigned week = 1;     // 1 to 5, 5 = the last
  unsigned weekday = 0;  // 0 to 6, 0 = Sunday
  unsigned day = 0;      // day_without_leap: 1 to 365, 29 February never counted; day_of_year: 0 to 365
  std::chrono::seconds time{0};  // after local midnight; may be negative or beyond a day
};

struct PosixZone {
  std::chrono::seconds standard{0};  // to add to UTC
  bool has_daylight = false;
  std::chrono::seconds daylight{0};
  PosixDate begins;  // by standard time
  PosixDate ends;    // by daylight time
};

// A stretch of time with one offset: [begin, end).
struct ZoneSpan {
  std::chrono::sys_seconds begin;
  std::chrono::sys_seconds end;
  std::chrono::seconds offset{0};  // local time minus UTC
};

// Where a span is open, it begins and ends here. No time outside these bounds may be asked for.
inline constexpr std::chrono::sys_seconds zone_begin = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
inline constexpr std::chrono::sys_seconds zone_end = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);

// Error: bad_config. Names are skipped; daylight saving without dates gets those of the United States, as in
// glibc.
Result<PosixZone> parse_posix_tz(std::string_view text);

ZoneSpan posix_span_at(PosixZone const& zone, std::chrono::sys_seconds time);

}  // namespace b2b
