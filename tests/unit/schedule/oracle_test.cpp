// Random expressions against a clock that is stepped minute by minute. Prints its seed; B2B_SEED=… repeats a
// run.
#include <cstdlib>
#include <random>
#include <set>

#include "core/schedule/next_fire.h"
#include "tests/unit/schedule/zones.h"
#include "tests/support/sanitizer.h"

using namespace b2b;
using namespace schedule_test;
using std::chrono::minutes;

namespace {

std::uint64_t seed() {
  char const* given = std::getenv("B2B_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

using Random = std::mt19937_64;

unsigned pick(Random& random, unsigned from, unsigned to) {
  return std::uniform_int_distribution<unsigned>(from, to)(random);
}

// A field as text and, made beside it, the values it means.
struct Field {
  std::string text;
  std::set<unsigned> values;
  bool star = false;
  bool step = false;
};

void add_item(Random& random, Field& field, unsigned from, unsigned to) {
  unsigned first = pick(random, from, to), last = first, step = 1;
  switch (pick(random, 0, 3)) {
    case 0:
      field.text += std::to_string(first);
      break;
    case 1:
      last = pick(random, first, to);
      field.text += std::to_string(first) + "-" + std::to_string(last);
      break;
    case 2:
      last = pick(random, first, to);
      step = pick(random, 1, to);
      field.text += std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(step);
      field.step = true;
      break;
    case 3:
      last = to;
      step = pick(random, 1, to);
      field.text += std::to_string(first) + "/" + std::to_string(step);
      field.step = true;
      break;
  }
  for (; first <= last; first += step)
    field.values.insert(first);
}

Field random_field(Random& random, unsigned from, unsigned to, unsigned star_percent) {
  Field field;
  if (pick(random, 1, 100) <= star_percent) {
    field.star = true;
    unsigned const step = pick(random, 0, 3) == 0 ? pick(random, 1, to) : 0;
    field.step = step != 0;
    field.text = step ? "*/" + std::to_string(step) : "*";
    for (unsigned value = from; value <= to; value += step ? step : 1)
      field.values.insert(value);
    return field;
  }
  for (unsigned items = pick(random, 1, 3); items > 0; --items) {
    if (!field.text.empty()) field.text += ",";
    add_item(random, field, from, to);
  }
  return field;
}

// Hours in which the clocks change.
Field night_hours(Random& random) {
  unsigned const first = pick(random, 0, 3), last = pick(random, first, 3);
  Field field;
  field.text = std::to_string(first) + "-" + std::to_string(last);
  for (unsigned hour = first; hour <= last; ++hour)
    field.values.insert(hour);
  return field;
}

Field every_value() {
  Field field;
  field.text = "*";
  field.star = true;
  for (unsigned value = 0; value <= 31; ++value)
    field.values.insert(value);
  return field;
}

struct Expression {
  Field minute, hour, day, month, weekday;

  std::string text() const {
    return minute.text + " " + hour.text + " " + day.text + " " + month.text + " " + weekday.text;
  }
  bool repeats() const { return hour.star || hour.step || hour.values.size() == 24; }

  bool names(std::chrono::local_time<minutes> time) const {
    auto const midnight = std::chrono::floor<std::chrono::days>(time);
    std::chrono::year_month_day const date(midnight);
    auto const of_day = static_cast<unsigned>((time - midnight).count());
    if (!minute.values.contains(of_day % 60) || !hour.values.contains(of_day / 60) ||
        !month.values.contains(static_cast<unsigned>(date.month())))
      return false;
    unsigned const of_week = std::chrono::weekday(midnight).c_encoding();
    bool const by_day = day.values.contains(static_cast<unsigned>(date.day()));
    bool const by_weekday = weekday.values.contains(of_week) || (of_week == 0 && weekday.values.contains(7));
    return day.star || weekday.star ? by_day && by_weekday : by_day || by_weekday;
  }
};

Expression random_expression(Random& random) {
  return {random_field(random, 0, 59, 30), random_field(random, 0, 23, 40), random_field(random, 1, 31, 50),
          random_field(random, 1, 12, 70), random_field(random, 0, 7, 50)};
}

// Steps a clock from `after` for `length` and collects the minutes in which the expression fires. A clock
// that jumps ahead makes up for the times it skipped, one that falls back does not repeat what it has shown;
// but an expression that repeats by the hour goes by what the clock shows.
std::vector<TimePoint> simulate(Expression const& expression, TimeZone const& zone, TimePoint after,
                                minutes length) {
  std::vector<TimePoint> fires;
  auto const start = std::chrono::floor<minutes>(after);
  auto const local = [&](auto time) { return std::chrono::floor<minutes>(zone.to_local(time)); };
  auto shown = local(start - minutes(24 * 60));
  for (auto time = start - minutes(24 * 60); time <= start + length; time += minutes(1)) {
    auto const now = local(time);
    bool fire = false;
    if (expression.repeats()) {
      fire = expression.names(now);
    } else {
      for (; shown < now; fire = fire || expression.names(shown))
        shown += minutes(1);
    }
    if (fire && time > after) fires.push_back(time);
  }
  return fires;
}

void compare(Expression const& expression, TimeZone const& zone, TimePoint after, minutes length) {
  INFO(expression.text() << " in " << zone.name() << " after " << text_of(after));
  auto const schedule = parse_schedule(expression.text());
  if (!schedule) {
    CHECK_THAT(schedule.error().message, Catch::Contains("never fires"));
    CHECK(simulate(expression, zone, after, length).empty());
    return;
  }
  TimePoint time = after;
  for (TimePoint const expected : simulate(expression, zone, after, length)) {
    auto const next = next_fire(*schedule, zone, time);
    REQUIRE(text_of(next) == text_of(expected));
    time = *next;
  }
  auto const beyond = next_fire(*schedule, zone, time);
  CHECK((!beyond || *beyond > std::chrono::floor<minutes>(after) + length));
}

int rounds(int normal) { return test::under_sanitizer ? normal / 5 : normal; }

}  // namespace

TEST_CASE("oracle: random expressions in UTC") {
  auto const used = seed();
  CAPTURE(used);
  Random random(used);
  TimeZone const utc;
  for (int round = 0; round < rounds(150); ++round) {
    Expression const expression = random_expression(random);
    TimePoint const after =
        at("2024-01-01T00:00:00Z") + std::chrono::seconds(pick(random, 0, 4 * 365 * 86400));
    compare(expression, utc, after, minutes(20 * 24 * 60));
  }
}

TEST_CASE("oracle: random expressions while clocks change") {
  auto const used = seed();
  CAPTURE(used);
  Random random(used);
  struct Week {
    NamedRule const& zone;
    char const* from;
  };
  for (Week const& week : {Week{berlin, "2026-03-27T00:00:00Z"}, Week{berlin, "2026-10-23T00:00:00Z"},
                           Week{new_york, "2026-03-06T00:00:00Z"}, Week{new_york, "2026-10-30T00:00:00Z"},
                           Week{lord_howe, "2026-10-02T00:00:00Z"}, Week{lord_howe, "2026-04-03T00:00:00Z"},
                           Week{santiago, "2026-09-04T00:00:00Z"}, Week{santiago, "2026-04-03T00:00:00Z"},
                           Week{beirut, "2026-03-27T00:00:00Z"}, Week{beirut, "2026-10-23T00:00:00Z"}}) {
    TimeZone const zone = rule_zone(week.zone.rule);
    for (int round = 0; round < rounds(40); ++round) {
      Expression expression = random_expression(random);
      // Around the change more than elsewhere, and on every day.
      if (round % 2 == 0) expression.hour = night_hours(random);
      if (round % 3 != 0) expression.day = expression.month = expression.weekday = every_value();
      compare(expression, zone, at(week.from) + std::chrono::seconds(pick(random, 0, 3 * 86400)),
              minutes(3 * 24 * 60));
    }
  }
}
