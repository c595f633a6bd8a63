#include "core/schedule/posix_tz.h"

#include "tests/unit/schedule/zones.h"

using namespace b2b;
using schedule_test::at;
using std::chrono::minutes;

namespace {

int offset_minutes(std::string_view rule, std::string_view time) {
  auto const zone = parse_posix_tz(rule);
  REQUIRE(zone);
  auto const moment = std::chrono::floor<std::chrono::seconds>(at(time));
  auto const span = posix_span_at(*zone, moment);
  CHECK(span.begin <= moment);
  CHECK(span.end > moment);
  return static_cast<int>(std::chrono::duration_cast<minutes>(span.offset).count());
}

}  // namespace

TEST_CASE("posix tz: offsets by rule") {
  CHECK(offset_minutes("UTC0", "2026-07-01T00:00:00Z") == 0);
  CHECK(offset_minutes("JST-9", "2026-07-01T00:00:00Z") == 540);
  CHECK(offset_minutes("<+0545>-5:45", "2026-07-01T00:00:00Z") == 345);
  CHECK(offset_minutes("ABC+3:30:00", "2026-07-01T00:00:00Z") == -210);
  CHECK(offset_minutes("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z") == 60);
  CHECK(offset_minutes("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z") == 120);
  CHECK(offset_minutes("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z") == 120);
  CHECK(offset_minutes("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z") == 60);
  CHECK(offset_minutes("EST5EDT", "2026-03-08T07:00:00Z") == -240);
  CHECK(offset_minutes("EST5EDT4,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z") == -300);
  // south of the equator the summer spans new year
  CHECK(offset_minutes("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z") == 660);
  CHECK(offset_minutes("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z") == 600);
  // Dublin's winter is the one that is saved
  CHECK(offset_minutes("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z") == 0);
  CHECK(offset_minutes("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01T00:00:00Z") == 60);
  // times before and beyond the day
  CHECK(offset_minutes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z") == -120);
  CHECK(offset_minutes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z") == -60);
  CHECK(offset_minutes("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-28T00:00:00Z") == 180);
  CHECK(offset_minutes("EET-2EEST,M3.4.4/50,M10.4.4/50", "2026-03-27T23:59:59Z") == 120);
  // days of the year: J60 is 1 March, leap year or not; 59 is 29 February in one
  CHECK(offset_minutes("AAA0BBB,J60/0,J300/0", "2028-02-29T23:59:59Z") == 0);
  CHECK(offset_minutes("AAA0BBB,J60/0,J300/0", "2028-03-01T00:00:00Z") == 60);
  CHECK(offset_minutes("AAA0BBB,J60/0,J300/0", "2027-03-01T00:00:00Z") == 60);
  CHECK(offset_minutes("AAA0BBB,59/0,300/0", "2028-02-29T00:00:00Z") == 60);
  CHECK(offset_minutes("AAA0BBB,59/0,300/0", "2027-02-28T23:59:59Z") == 0);
  // daylight saving all year round
  for (char const* time :
       {"2026-01-01T04:00:00Z", "2026-12-31T23:59:59Z", "2027-01-01T03:59:59Z", "2028-12-31T12:00:00Z"})
    CHECK(offset_minutes("XXX5EDT4,0/0,J365/25", time) == -240);
}

TEST_CASE("posix tz: what is refused") {
  for (char const* text : {"",
                           "CET",
                           "-1",
                           "CE-1",
                           "<CET-1",
                           "<>-1",
                           "CET-25",
                           "CET-1:60",
                           "CET-1CEST,",
                           "CET-1CEST,M3.5.0",
                           "CET-1CEST,M13.5.0,M10.5.0",
                           "CET-1CEST,M3.6.0,M10.5.0",
                           "CET-1CEST,M3.0.0,M10.5.0",
                           "CET-1CEST,M3.5.7,M10.5.0",
                           "CET-1CEST,M3.5.0/168,M10.5.0",
                           "CET-1CEST,J0,J300",
                           "CET-1CEST,J366,J300",
                           "CET-1CEST,366,300",
                           "CET-1CEST,M3.5.0,M10.5.0/3 ",
                           "CET-1CEST,M3.5.0,M10.5.0,",
                           "CET-1 CEST",
                           "CET-1000",
                           "Europe/Berlin"}) {
    INFO(text);
    auto const zone = parse_posix_tz(text);
    REQUIRE(zone.has_error());
    CHECK(zone.error().condition == Condition::bad_config);
  }
}
