// Schedules across changes of the clocks, both ways, in zones that change by an hour, by half an hour, and at
// midnight.
#include "core/schedule/next_fire.h"
#include "tests/unit/schedule/zones.h"

using namespace b2b;
using namespace schedule_test;

namespace {

struct Row {
  NamedRule const& zone;
  char const* schedule;
  char const* after;
  std::vector<char const*> fires;
};

std::vector<Row> const& rows() {
  static std::vector<Row> const table{
      // Berlin, 29 March: at 01:00Z the clocks go from 2:00 to 3:00
      {berlin, "30 2 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
      {berlin, "0 2 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
      {berlin, "0 3 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"}},
      {berlin,
       "0,30 2 * * *",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"}},
      {berlin,
       "30 2,3 * * *",
       "2026-03-28T12:00:00Z",
       {"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
      {berlin, "*/30 2 * * *", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
      {berlin, "0 30 2 29 3 ?", "2026-03-28T12:00:00Z", {"2026-03-29T01:00:00Z", "2027-03-29T00:30:00Z"}},
      {berlin, "30 * * * *", "2026-03-29T00:00:00Z", {"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"}},
      {berlin,
       "*/20 * * * *",
       "2026-03-29T00:30:00Z",
       {"2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z"}},
      {berlin, "0 */2 * * *", "2026-03-28T23:30:00Z", {"2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"}},
      {berlin, "daily", "2026-03-28T00:00:00Z", {"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}},
      // Berlin, 25 October: at 01:00Z the clocks go from 3:00 to 2:00
      {berlin, "30 2 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
      {berlin, "30 2 * * *", "2026-10-25T00:10:00Z", {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
      {berlin, "30 2 * * *", "2026-10-25T01:10:00Z", {"2026-10-26T01:30:00Z"}},
      {berlin, "0 3 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"}},
      {berlin, "0 2 * * *", "2026-10-24T12:00:00Z", {"2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z"}},
      {berlin, "*/10 2 * * *", "2026-10-25T00:45:00Z", {"2026-10-25T00:50:00Z", "2026-10-26T01:00:00Z"}},
      {berlin, "59 59 2 * * *", "2026-10-25T00:59:59Z", {"2026-10-26T01:59:59Z"}},
      {berlin,
       "hourly",
       "2026-10-24T23:30:00Z",
       {"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
      {berlin,
       "*/30 * * * *",
       "2026-10-25T00:10:00Z",
       {"2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"}},
      // Berlin, after the times that zone files list
      {berlin, "daily", "2045-07-01T12:00:00Z", {"2045-07-01T22:00:00Z"}},
      {berlin, "30 2 * * *", "2045-03-25T12:00:00Z", {"2045-03-26T01:00:00Z", "2045-03-27T00:30:00Z"}},
      // New York, 8 March at 07:00Z and 1 November at 06:00Z
      {new_york, "30 2 * * *", "2026-03-07T12:00:00Z", {"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
      {new_york, "0 2 8 3 *", "2026-01-01T00:00:00Z", {"2026-03-08T07:00:00Z", "2027-03-08T07:00:00Z"}},
      {new_york, "30 1 * * *", "2026-10-31T12:00:00Z", {"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
      {new_york,
       "@hourly",
       "2026-11-01T04:30:00Z",
       {"2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"}},
      {new_york,
       "@hourly",
       "2026-03-08T05:30:00Z",
       {"2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"}},
      // Lord Howe, half an hour: 4 October from 2:00 to 2:30, 5 April from 2:00 to 1:30
      {lord_howe, "15 2 * * *", "2026-10-03T00:00:00Z", {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
      {lord_howe, "30 2 * * *", "2026-10-03T00:00:00Z", {"2026-10-03T15:30:00Z", "2026-10-04T15:30:00Z"}},
      {lord_howe, "hourly", "2026-10-03T14:00:00Z", {"2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z"}},
      {lord_howe, "45 1 * * *", "2026-04-04T00:00:00Z", {"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
      {lord_howe, "0 2 * * *", "2026-04-04T00:00:00Z", {"2026-04-04T15:30:00Z", "2026-04-05T15:30:00Z"}},
      {lord_howe, "hourly", "2026-04-04T13:30:00Z", {"2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"}},
      {lord_howe,
       "*/15 * * * *",
       "2026-04-04T14:40:00Z",
       {"2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z", "2026-04-04T15:30:00Z"}},
      // Santiago, at midnight: 6 September from 0:00 to 1:00, 4 April from 24:00 to 23:00
      {santiago, "daily", "2026-09-05T12:00:00Z", {"2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"}},
      {santiago, "0 0 6 9 *", "2026-01-01T00:00:00Z", {"2026-09-06T04:00:00Z"}},
      {santiago, "weekly", "2026-09-05T12:00:00Z", {"2026-09-06T04:00:00Z", "2026-09-13T03:00:00Z"}},
      {santiago, "daily", "2026-04-04T12:00:00Z", {"2026-04-05T04:00:00Z", "2026-04-06T04:00:00Z"}},
      {santiago, "30 23 * * *", "2026-04-04T12:00:00Z", {"2026-04-05T02:30:00Z", "2026-04-06T03:30:00Z"}},
      {santiago, "30 23 4 4 *", "2026-04-05T03:10:00Z", {"2027-04-05T03:30:00Z"}},
      // Beirut, at midnight too: 29 March from 0:00 to 1:00, 24 October from 24:00 to 23:00
      {beirut, "daily", "2026-03-28T12:00:00Z", {"2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"}},
      {beirut, "daily", "2026-10-24T12:00:00Z", {"2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z"}},
  };
  return table;
}

void check(Row const& row, TimeZone const& zone) {
  auto const schedule = parse_schedule(row.schedule);
  REQUIRE(schedule);
  TimePoint time = at(row.after);
  for (char const* expected : row.fires) {
    auto const next = next_fire(*schedule, zone, time);
    INFO(zone.name() << ": " << row.schedule << " after " << text_of(time));
    REQUIRE(text_of(next) == expected);
    time = *next;
  }
}

}  // namespace

TEST_CASE("daylight saving: zones by their rule") {
  for (Row const& row : rows())
    check(row, rule_zone(row.zone.rule));
}

TEST_CASE("daylight saving: zones from the system's files") {
  for (Row const& row : rows()) {
    auto const zone = TimeZone::find(row.zone.name);
    REQUIRE(zone);
    check(row, *zone);
  }
}

TEST_CASE("daylight saving: a day that a zone skips") {
  // Samoa went from the end of 29 December 2011 to the beginning of the 31st.
  auto const zone = TimeZone::find("Pacific/Apia");
  REQUIRE(zone);
  auto const daily = parse_schedule("0 12 * * *");
  TimePoint time = at("2011-12-29T00:00:00Z");
  for (char const* expected : {"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}) {
    time = *next_fire(*daily, *zone, time);
    CHECK(text_of(time) == expected);
  }
}
