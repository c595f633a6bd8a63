// Zones and times that several schedule tests use.
#pragma once

#include "core/schedule/time_zone.h"
#include "core/util/clock.h"
#include "tests/support/catch.h"

namespace schedule_test {

// The zone by its rule, so that tests need no file.
inline b2b::TimeZone rule_zone(std::string_view rule) {
  auto const zone = b2b::parse_posix_tz(rule);
  REQUIRE(zone.has_value());
  return b2b::TimeZone(std::string(rule), b2b::ZoneRules{{}, {}, *zone});
}

inline b2b::TimePoint at(std::string_view text) {
  auto const time = b2b::parse_iso8601(text);
  REQUIRE(time.has_value());
  return *time;
}

// "2026-02-19T12:00:00Z", or "none".
inline std::string text_of(std::optional<b2b::TimePoint> time) {
  return time ? b2b::format_iso8601(*time).substr(0, 19) + "Z" : "none";
}

struct NamedRule {
  char const* name;
  char const* rule;
};

inline constexpr NamedRule berlin{"Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"};
inline constexpr NamedRule new_york{"America/New_York", "EST5EDT,M3.2.0,M11.1.0"};
inline constexpr NamedRule lord_howe{"Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"};
inline constexpr NamedRule santiago{"America/Santiago", "<-04>4<-03>,M9.1.6/24,M4.1.6/24"};
inline constexpr NamedRule beirut{"Asia/Beirut", "EET-2EEST,M3.5.0/0,M10.5.0/0"};

}  // namespace schedule_test
