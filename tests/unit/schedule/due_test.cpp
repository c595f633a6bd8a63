#include "core/schedule/due.h"

#include <map>

#include "tests/unit/schedule/zones.h"

using namespace b2b;
using namespace schedule_test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

struct Row {
  char const* what;
  char const* schedule;
  char const* handled;  // nullptr: absent
  char const* now;
  int delay_seconds;
  bool due_now;
  char const* next;
  char const* remember;
};

constexpr Row rows[] = {
    {"first start", "daily", nullptr, "2026-05-10T12:00:00Z", 0, false, "2026-05-11T00:00:00Z",
     "2026-05-10T12:00:00Z"},
    {"first start on the slot itself", "daily", nullptr, "2026-05-10T00:00:00Z", 0, false,
     "2026-05-11T00:00:00Z", "2026-05-10T00:00:00Z"},
    {"nothing yet", "daily", "2026-05-10T12:00:00Z", "2026-05-10T23:59:59Z", 0, false, "2026-05-11T00:00:00Z",
     "none"},
    {"on time", "daily", "2026-05-10T12:00:00Z", "2026-05-11T00:00:00Z", 0, true, "2026-05-12T00:00:00Z",
     "2026-05-11T00:00:00Z"},
    {"a little late", "daily", "2026-05-10T12:00:00Z", "2026-05-11T00:00:07Z", 0, true,
     "2026-05-12T00:00:00Z", "2026-05-11T00:00:07Z"},
    {"handled on the slot", "daily", "2026-05-11T00:00:00Z", "2026-05-11T00:00:00Z", 0, false,
     "2026-05-12T00:00:00Z", "none"},
    {"handled a moment ago", "daily", "2026-05-11T00:00:07Z", "2026-05-11T00:00:08Z", 0, false,
     "2026-05-12T00:00:00Z", "none"},
    {"slept over one slot", "daily", "2026-05-10T00:00:00Z", "2026-05-11T09:00:00Z", 0, true,
     "2026-05-12T00:00:00Z", "2026-05-11T09:00:00Z"},
    {"off for a month: once", "daily", "2026-04-10T00:00:00Z", "2026-05-11T09:00:00Z", 0, true,
     "2026-05-12T00:00:00Z", "2026-05-11T09:00:00Z"},
    {"the clock jumped ahead by years", "weekly", "2026-05-10T00:00:00Z", "2033-05-11T09:00:00Z", 0, true,
     "2033-05-15T00:00:00Z", "2033-05-11T09:00:00Z"},
    {"set back by seconds over the slot", "daily", "2026-05-11T00:00:05Z", "2026-05-10T23:59:50Z", 0, false,
     "2026-05-12T00:00:00Z", "none"},
    {"set back by an hour", "daily", "2026-05-11T00:00:05Z", "2026-05-10T23:00:05Z", 0, false,
     "2026-05-12T00:00:00Z", "none"},
    {"set back by just a period", "daily", "2026-05-11T12:00:00Z", "2026-05-10T12:00:00Z", 0, false,
     "2026-05-12T00:00:00Z", "none"},
    {"set back by more than a period", "daily", "2026-05-11T12:00:01Z", "2026-05-10T12:00:00Z", 0, false,
     "2026-05-11T00:00:00Z", "2026-05-10T12:00:00Z"},
    {"set back by years", "hourly", "2033-05-11T12:00:00Z", "2026-05-10T12:30:00Z", 0, false,
     "2026-05-10T13:00:00Z", "2026-05-10T12:30:00Z"},
    {"hourly, set back by two hours", "hourly", "2026-05-10T12:00:00Z", "2026-05-10T10:00:00Z", 0, false,
     "2026-05-10T11:00:00Z", "2026-05-10T10:00:00Z"},
    {"weekly, set back by two days", "weekly", "2026-05-10T00:00:00Z", "2026-05-08T00:00:00Z", 0, false,
     "2026-05-17T00:00:00Z", "none"},
    {"off", "off", "2026-05-10T00:00:00Z", "2026-05-11T09:00:00Z", 0, false, "none", "none"},
    {"off, first start", "", nullptr, "2026-05-11T09:00:00Z", 0, false, "none", "none"},
    {"delayed: not yet", "daily", "2026-05-10T12:00:00Z", "2026-05-11T00:09:59Z", 600, false,
     "2026-05-11T00:10:00Z", "none"},
    {"delayed: due", "daily", "2026-05-10T12:00:00Z", "2026-05-11T00:10:00Z", 600, true,
     "2026-05-12T00:10:00Z", "2026-05-11T00:00:00Z"},
    {"delayed: just handled", "daily", "2026-05-11T00:00:00Z", "2026-05-11T00:10:00Z", 600, false,
     "2026-05-12T00:10:00Z", "none"},
    {"delayed by more than the period", "*/5 * * * *", "2026-05-11T00:00:00Z", "2026-05-11T00:15:00Z", 600,
     true, "2026-05-11T00:20:00Z", "2026-05-11T00:05:00Z"},
    {"delayed: first start", "daily", nullptr, "2026-05-11T00:05:00Z", 600, false, "2026-05-11T00:10:00Z",
     "2026-05-10T23:55:00Z"},
};

}  // namespace

TEST_CASE("due: table") {
  TimeZone const utc;
  for (Row const& row : rows) {
    INFO(row.what);
    auto const schedule = parse_schedule(row.schedule);
    REQUIRE(schedule);
    DueQuestion question{std::nullopt, at(row.now), seconds(row.delay_seconds)};
    if (row.handled) question.handled = at(row.handled);
    DueAnswer const answer = due(*schedule, utc, question);
    CHECK(answer.due_now == row.due_now);
    CHECK(text_of(answer.next) == row.next);
    CHECK(text_of(answer.remember) == row.remember);
  }
}

namespace {

// A daemon that does what due.h asks of it.
struct Daemon {
  CronSchedule schedule;
  TimeZone zone;
  seconds delay{0};
  std::optional<TimePoint> handled{};
  std::vector<TimePoint> runs{};
  std::optional<TimePoint> next{};

  void wake(TimePoint now) {
    DueAnswer const answer = due(schedule, zone, {handled, now, delay});
    if (answer.due_now) runs.push_back(now);
    if (answer.remember) handled = answer.remember;
    next = answer.next;
  }
};

}  // namespace

TEST_CASE("due: waking only at `next` runs every slot once, over both changes of the clocks") {
  for (char const* text : {"daily", "30 2 * * *", "hourly", "0 */6 * * *"}) {
    for (int const delay : {0, 900}) {
      Daemon daemon{*parse_schedule(text), rule_zone(berlin.rule), seconds(delay)};
      TimePoint const start = at("2026-01-01T00:30:00Z"), end = at("2027-01-01T00:30:00Z");
      std::vector<TimePoint> expected;
      for (auto slot = next_fire(daemon.schedule, daemon.zone, start - daemon.delay);
           *slot + daemon.delay <= end; slot = next_fire(daemon.schedule, daemon.zone, *slot))
        expected.push_back(*slot + daemon.delay);
      daemon.wake(start);
      while (*daemon.next <= end)
        daemon.wake(*daemon.next);
      INFO(text << " delayed by " << delay);
      CHECK(daemon.runs == expected);
      CHECK(expected.size() >= 365);
    }
  }
}

TEST_CASE("due: asking every minute is the same as waking at `next`") {
  Daemon daemon{*parse_schedule("0 */6 * * *"), TimeZone()};
  TimePoint now = at("2026-05-10T01:00:00Z");
  for (int minute = 0; minute < 24 * 60; ++minute, now += minutes(1)) {
    daemon.wake(now);
    daemon.wake(now + seconds(20));
  }
  CHECK(daemon.runs.size() == 4);
}

TEST_CASE("due: a clock that goes back and forth around a slot runs it once") {
  Daemon daemon{*parse_schedule("daily"), TimeZone()};
  daemon.wake(at("2026-05-10T12:00:00Z"));
  for (int swing = 0; swing < 10; ++swing) {
    daemon.wake(at("2026-05-10T23:59:00Z"));
    daemon.wake(at("2026-05-11T00:01:00Z"));
  }
  CHECK(daemon.runs.size() == 1);
  daemon.wake(at("2026-05-12T00:00:00Z"));
  CHECK(daemon.runs.size() == 2);
}

TEST_CASE("due: a clock that was wrong by years does not stop the schedule") {
  Daemon daemon{*parse_schedule("daily"), TimeZone()};
  daemon.wake(at("2026-05-10T12:00:00Z"));
  daemon.wake(at("2040-01-01T12:00:00Z"));  // a catch-up, by a clock that is wrong
  CHECK(daemon.runs.size() == 1);
  daemon.wake(at("2026-05-10T12:05:00Z"));  // put right again
  CHECK(daemon.runs.size() == 1);
  CHECK(text_of(daemon.next) == "2026-05-11T00:00:00Z");
  daemon.wake(*daemon.next);
  CHECK(daemon.runs.size() == 2);
}

TEST_CASE("due: the delay is spread, and stays what it is") {
  CHECK(spread_delay("a", seconds(0)) == seconds(0));
  CHECK(spread_delay("a", seconds(-5)) == seconds(0));
  CHECK(spread_delay("4f3c2a", seconds(600)) == spread_delay("4f3c2a", seconds(600)));
  std::map<std::int64_t, int> tenths;
  for (int i = 0; i < 1000; ++i) {
    auto const delay = spread_delay("instance-" + std::to_string(i), seconds(599));
    CHECK(delay >= seconds(0));
    CHECK(delay <= seconds(599));
    ++tenths[delay.count() / 60];
  }
  REQUIRE(tenths.size() == 10);
  for (auto const& [tenth, count] : tenths)
    CHECK(count > 50);
}
