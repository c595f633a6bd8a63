#include "core/schedule/cron.h"

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("cron: off and empty are no schedule") {
  for (char const* text : {"", "   ", "off", "OFF", " off "}) {
    INFO(text);
    auto const schedule = parse_schedule(text);
    REQUIRE(schedule);
    CHECK(schedule->is_off());
  }
  CHECK_FALSE(parse_schedule("daily")->is_off());
}

TEST_CASE("cron: two ways to write the same") {
  struct Row {
    char const* written;
    char const* same;
  };
  for (Row const& row :
       {Row{"daily", "0 0 * * *"}, Row{"Weekly", "0 0 * * 0"}, Row{"hourly", "0 * * * *"},
        Row{"@midnight", "@daily"}, Row{"@annually", "@YEARLY"}, Row{"0 0 * * *", "0 0 0 * * *"},
        Row{"0 0 * * 7", "0 0 * * SUN"}, Row{"0 0 * * FRI-SUN", "0 0 * * 5,6,0"},
        Row{"0 0 * * 5-7", "0 0 * * fri,Sat,sUn"}, Row{"0 0 * * 0-7", "0 0 * * 0-6"},
        Row{"0 0 * * SUN-SUN", "0 0 * * 0"}, Row{"0 0 1 JAN-mar *", "0 0 1 1,2,3 *"},
        Row{"5/15 * * * *", "5,20,35,50 * * * *"}, Row{"10-40/10 * * * *", "10,20,30,40 * * * *"},
        Row{"\t0  0 ? * *\n", "0 0 * * ?"}, Row{"0 0 L-0 * *", "0 0 l * *"}}) {
    INFO(row.written);
    auto const a = parse_schedule(row.written);
    auto const b = parse_schedule(row.same);
    REQUIRE(a);
    REQUIRE(b);
    CHECK(a->seconds == b->seconds);
    CHECK(a->minutes == b->minutes);
    CHECK(a->hours == b->hours);
    CHECK(a->days.days == b->days.days);
    CHECK(a->days.before_last == b->days.before_last);
    CHECK(a->days.unrestricted == b->days.unrestricted);
    CHECK(a->months == b->months);
    CHECK(a->weekdays.weekdays == b->weekdays.weekdays);
    CHECK(a->weekdays.unrestricted == b->weekdays.unrestricted);
    CHECK(a->text == row.written);
  }
}

TEST_CASE("cron: which schedules repeat by the hour") {
  for (char const* text :
       {"hourly", "0 * * * *", "0 */6 * * *", "0 8-20/2 * * *", "0 0-23 * * *", "*/5 * 1 * *"})
    CHECK(parse_schedule(text)->repeats_by_hour);
  for (char const* text : {"daily", "* 2 * * *", "0 8-20 * * *", "*/10 1,2 * * *"})
    CHECK_FALSE(parse_schedule(text)->repeats_by_hour);
}

TEST_CASE("cron: what is refused, and what the message names") {
  struct Row {
    char const* text;
    char const* message_has;
  };
  for (Row const& row : {Row{"60 * * * *", "\"60\" in the minute field: 60 is not between 0 and 59"},
                         Row{"* 24 * * *", "\"24\" in the hour field"},
                         Row{"60 0 0 * * *", "\"60\" in the second field"},
                         Row{"0 0 0 * *", "\"0\" in the day-of-month field: 0 is not between 1 and 31"},
                         Row{"0 0 32 * *", "\"32\" in the day-of-month field"},
                         Row{"0 0 * 13 *", "\"13\" in the month field"},
                         Row{"0 0 * JANUARY *", "\"JANUARY\" in the month field: it is not understood"},
                         Row{"0 0 * * 8", "\"8\" in the day-of-week field: 8 is not between 0 and 7"},
                         Row{"0 0 * * MO", "\"MO\" in the day-of-week field"},
                         Row{"0 0 * * MON#6", "after # comes a number from 1 to 5"},
                         Row{"0 0 * * MON#", "after #"},
                         Row{"0 0 * * L", "write SAT or 6L"},
                         Row{"0 0 L-31 * *", "after L- comes a number from 0 to 30"},
                         Row{"0 0 L- * *", "\"L-\" in the day-of-month field"},
                         Row{"0 0 W * *", "\"W\" in the day-of-month field: a value is missing"},
                         Row{"0 0 32W * *", "32 is not between 1 and 31"},
                         Row{"*/0 * * * *", "a step of 0 never moves on"},
                         Row{"*/90 * * * *", "a step of 90 is larger than the field, which ends at 59"},
                         Row{"*/ * * * *", "after / comes a step"},
                         Row{"*/x * * * *", "after / comes a step"},
                         Row{"5-1 * * * *", "the range runs backwards"},
                         Row{"0 22-2 * * *", "22-23,0-2"},
                         Row{"1,,2 * * * *", "a value is missing"},
                         Row{", * * * *", "a value is missing"},
                         Row{"1-2-3 * * * *", "\"1-2-3\""},
                         Row{"-5 * * * *", "a value is missing"},
                         Row{"? * * * *", "\"?\" in the minute field"},
                         Row{"99999999999 * * * *", "it is not understood"},
                         Row{"+5 * * * *", "it is not understood"},
                         Row{"** * * * *", "\"**\" in the minute field"},
                         Row{"H * * * *", "\"H\" in the minute field"},
                         Row{"* * * *", "has 4 fields instead of five or six"},
                         Row{"0 0 0 * * * 2026", "has 7 fields"},
                         Row{"every day", "has 2 fields"},
                         Row{"nightly", "the schedule \"nightly\" is not understood"},
                         Row{"@reboot", "is not one of @hourly"},
                         Row{"0 0 30 2 *", "never fires"},
                         Row{"0 0 30,31 FEB ?", "never fires"},
                         Row{"0 0 31 4,6,9,11 *", "never fires"},
                         Row{"0 0 31W 2 *", "never fires"},
                         Row{"0 0 L-30 2 *", "never fires"},
                         Row{"\x1b[2J * * * *", "\\x1b[2J"}}) {
    INFO(row.text);
    auto const schedule = parse_schedule(row.text);
    REQUIRE(schedule.has_error());
    Error const& error = schedule.error();
    CHECK(error.condition == Condition::bad_config);
    CHECK_THAT(error.message, Catch::Contains(row.message_has));
    CHECK_FALSE(error.advice.empty());
    CHECK(error.subject == "schedule");
    CHECK(check_schedule(row.text).has_error());
  }
  CHECK(parse_schedule(std::string(1001, '1')).has_error());
  CHECK(check_schedule("0 0 29 2 *"));
}
