// A scripted week on an injected clock: what is captured and uploaded when, to the second, and that every snapshot is the
// state of its moment.
#include <algorithm>

#include "tests/unit/service/week_story.h"

using namespace b2b;
using namespace std::chrono_literals;
using b2b::test::utc;
using b2b::test::Week;
using b2b::test::WeekSetup;

namespace {

using Lines = std::vector<std::string>;

constexpr char log_file[] = "agents/main/sessions/a.jsonl";

// The agent writes to its log every half hour, so that each scheduled run finds something.
void agent_at_work(Week& week, TimePoint from, TimePoint until) {
  week.every(from + 10min, 30min, until, [&week] { week.change(log_file); });
}

Lines of_trigger(Lines times, std::string const& trigger) {
  for (std::string& time : times) time += " " + trigger;
  return times;
}

}  // namespace

TEST_CASE("week: schedules in Europe/Berlin over both changes of the clocks") {
  struct Row {
    char const *from, *until, *schedule;
    Lines expected;
  };
  auto const row = GENERATE(values<Row>({
      {"2026-03-24 00:00:00", "2026-03-31 00:00:00", "30 2 * * *",
       {"03-24 01:30:00", "03-25 01:30:00", "03-26 01:30:00", "03-27 01:30:00", "03-28 01:30:00", "03-29 01:00:00", "03-30 00:30:00"}},
      {"2026-10-20 00:00:00", "2026-10-27 00:00:00", "30 2 * * *",
       {"10-20 00:30:00", "10-21 00:30:00", "10-22 00:30:00", "10-23 00:30:00", "10-24 00:30:00", "10-25 00:30:00", "10-26 01:30:00"}},
      {"2026-03-27 12:00:00", "2026-03-31 00:00:00", "daily",
       {"03-27 23:00:00", "03-28 23:00:00", "03-29 22:00:00", "03-30 22:00:00"}},
      {"2026-10-23 12:00:00", "2026-10-27 00:00:00", "daily",
       {"10-23 22:00:00", "10-24 22:00:00", "10-25 23:00:00", "10-26 23:00:00"}},
      {"2026-03-26 00:00:00", "2026-03-31 00:00:00", "0 9-17/4 * * 1-5",
       {"03-26 08:00:00", "03-26 12:00:00", "03-26 16:00:00", "03-27 08:00:00", "03-27 12:00:00", "03-27 16:00:00",
        "03-30 07:00:00", "03-30 11:00:00", "03-30 15:00:00"}},
      {"2026-10-22 00:00:00", "2026-10-27 00:00:00", "0 9-17/4 * * 1-5",
       {"10-22 07:00:00", "10-22 11:00:00", "10-22 15:00:00", "10-23 07:00:00", "10-23 11:00:00", "10-23 15:00:00",
        "10-26 08:00:00", "10-26 12:00:00", "10-26 16:00:00"}},
      {"2026-03-28 22:00:00", "2026-03-29 04:30:00", "hourly",
       {"03-28 23:00:00", "03-29 00:00:00", "03-29 01:00:00", "03-29 02:00:00", "03-29 03:00:00", "03-29 04:00:00"}},
      {"2026-10-24 22:00:00", "2026-10-25 04:30:00", "hourly",
       {"10-24 23:00:00", "10-25 00:00:00", "10-25 01:00:00", "10-25 02:00:00", "10-25 03:00:00", "10-25 04:00:00"}},
  }));
  INFO(row.schedule << " from " << row.from);
  Week week({.start = utc(row.from), .schedule = row.schedule, .zone = "Europe/Berlin"});
  agent_at_work(week, utc(row.from), utc(row.until));
  week.run_until(utc(row.until) - 1min);
  auto const expected = of_trigger(row.expected, "schedule");
  CHECK(Week::texts(week.captured) == expected);
  CHECK(Week::texts(week.uploaded) == expected);
}

TEST_CASE("week: a whole week of runs every two hours keeps the newest ten and wakes up for nothing else") {
  auto const start = utc("2026-03-23 00:00:00");
  Week week({.start = start, .schedule = "0 */2 * * *"});
  Lines expected;
  for (TimePoint hour = start + 2h; hour <= start + 168h; hour += 2h) {
    expected.push_back(format_iso8601(hour).substr(5, 5) + " " + format_iso8601(hour).substr(11, 8) + " schedule");
    week.at(hour - 1min, [&week] { week.change(log_file); });
  }
  week.run_until(start + 168h + 1min);
  CHECK(Week::texts(week.captured) == expected);
  CHECK(Week::texts(week.uploaded) == expected);
  Lines newest;
  for (std::size_t i = week.captured.size() - 10; i < week.captured.size(); ++i) newest.push_back(week.captured[i].snapshot);
  CHECK(week.listed() == newest);
  week.check_that_all_restores();
  // A change by the script, a scheduled run and a look after it, for each run; and the first and the last moment.
  CHECK(week.looks <= 3 * 84 + 3);
}

TEST_CASE("week: changes are pushed when they rest, not too often, and also when they never rest") {
  Week week({.start = utc("2026-03-23 00:00:00"), .schedule = "daily", .watch = true});
  auto const write = [&week] { week.change(log_file); };
  // The daemon's own start counts as a change at 00:00:00; it finds nothing new at 00:00:20.
  week.at(utc("2026-03-23 10:00:00"), write);
  week.at(utc("2026-03-23 10:00:15"), write);   // quiet begins anew
  week.at(utc("2026-03-23 10:01:00"), write);   // within minInterval of the push at 10:00:35
  week.every(utc("2026-03-23 12:00:00"), 10s, utc("2026-03-23 12:20:00"), write);
  week.at(utc("2026-03-23 23:59:50"), write);   // the daily run takes it along
  week.at(utc("2026-03-24 00:00:05"), write);
  week.run_until(utc("2026-03-24 02:00:00"));
  Lines const expected{"03-23 10:00:35 change", "03-23 10:05:35 change", "03-23 12:05:00 change",   "03-23 12:10:10 change",
                       "03-23 12:15:20 change", "03-23 12:20:20 change", "03-24 00:00:00 schedule", "03-24 00:05:00 change"};
  CHECK(Week::texts(week.captured) == expected);
  CHECK(Week::texts(week.uploaded) == expected);
  week.check_that_all_restores();
}

TEST_CASE("week: with the packed layout changes are pushed without being asked for, and a day without any wakes nobody up") {
  Week week({.start = utc("2026-03-23 00:00:00"), .schedule = "daily", .watch = {}, .layout = LayoutChoice::automatic});
  auto const write = [&week] { week.change(log_file); };
  week.at(utc("2026-03-23 10:00:00"), write);
  week.at(utc("2026-03-23 10:01:00"), write);
  week.run_until(utc("2026-03-23 12:00:00"));
  CHECK(Week::texts(week.captured) == Lines{"03-23 10:00:20 change", "03-23 10:05:20 change"});
  week.run_until(utc("2026-03-24 00:00:01"));
  int const before = week.looks;
  week.run_until(utc("2026-03-24 23:59:59"));
  CHECK(week.looks - before <= 2);
  CHECK(week.captured.size() == 2);
  week.check_that_all_restores();
}

TEST_CASE("week: a switch of the layout turns pushes on change on and off while the daemon runs") {
  Week week({.start = utc("2026-03-23 00:00:00"), .schedule = "daily", .watch = {}, .layout = LayoutChoice::automatic});
  auto const write = [&week] { week.change(log_file); };
  auto const switch_to = [&week](SnapshotLayout layout) { return [&week, layout] { week.switch_layout(layout); }; };
  week.at(utc("2026-03-23 08:00:00"), switch_to(SnapshotLayout::plugin));
  week.at(utc("2026-03-23 10:00:00"), write);
  week.at(utc("2026-03-23 11:00:00"), switch_to(SnapshotLayout::packed));   // what changed an hour ago goes at once
  week.at(utc("2026-03-23 12:00:00"), write);
  week.at(utc("2026-03-23 13:00:00"), switch_to(SnapshotLayout::plugin));
  week.at(utc("2026-03-23 14:00:00"), write);
  week.run_until(utc("2026-03-24 01:00:00"));
  // The first one into the plugin's layout uploads while it captures.
  CHECK(Week::texts(week.uploaded) == Lines{"03-23 11:00:00 change", "03-23 12:00:20 change", "03-24 00:00:00 schedule"});
}

TEST_CASE("week: compactions are captured at once and uploaded every five minutes") {
  Week week({.start = utc("2026-03-23 00:00:00")});
  auto const asked = [&](char const* time, Trigger trigger, bool changed = true) {
    week.at(utc(std::string("2026-03-23 ") + time), [&week, trigger, changed] {
      if (changed) week.change(log_file);
      week.push(trigger);
    });
  };
  asked("10:00:00", Trigger::compaction);
  asked("10:01:00", Trigger::compaction);
  asked("10:02:00", Trigger::compaction);
  asked("10:06:00", Trigger::compaction);
  asked("10:06:30", Trigger::manual);              // takes what waits along
  asked("10:08:00", Trigger::compaction, false);   // nothing changed
  asked("10:09:00", Trigger::compaction);
  week.run_until(utc("2026-03-23 11:00:00"));
  CHECK(Week::texts(week.captured) == Lines{"03-23 10:00:00 compaction", "03-23 10:01:00 compaction", "03-23 10:02:00 compaction",
                                            "03-23 10:06:00 compaction", "03-23 10:06:30 manual", "03-23 10:09:00 compaction"});
  CHECK(Week::texts(week.uploaded) == Lines{"03-23 10:00:00 compaction", "03-23 10:05:00 compaction", "03-23 10:05:00 compaction",
                                            "03-23 10:06:30 compaction", "03-23 10:06:30 manual", "03-23 10:11:30 compaction"});
  week.check_that_all_restores();
}

TEST_CASE("week: the store is away on Tuesday night; captures wait and arrive in order") {
  Week week({.start = utc("2026-03-24 20:30:00"), .schedule = "hourly"});
  agent_at_work(week, utc("2026-03-24 20:30:00"), utc("2026-03-25 02:30:00"));
  week.at(utc("2026-03-24 22:30:00"), [&] { week.store_away(true); });
  week.at(utc("2026-03-25 01:30:00"), [&] { week.store_away(false); });
  week.run_until(utc("2026-03-25 00:30:00"));
  CHECK(week.coordinator->status().queue.size() == 2);
  CHECK_FALSE(week.coordinator->status().store_reachable);
  week.run_until(utc("2026-03-25 02:05:00"));
  CHECK(Week::texts(week.captured) == of_trigger({"03-24 21:00:00", "03-24 22:00:00", "03-24 23:00:00", "03-25 00:00:00",
                                                  "03-25 01:00:00", "03-25 02:00:00"}, "schedule"));
  // Tried after 15 s, 30 s, 1, 2, 4, 8 and then every 15 minutes.
  CHECK(Week::texts(week.uploaded) == of_trigger({"03-24 21:00:00", "03-24 22:00:00", "03-25 01:30:45", "03-25 01:30:45",
                                                  "03-25 01:30:45", "03-25 02:00:00"}, "schedule"));
  for (std::size_t i = 0; i < week.captured.size(); ++i) CHECK(week.captured[i].snapshot == week.uploaded.at(i).snapshot);
  week.check_that_all_restores();
}

TEST_CASE("week: asleep over midnight, what was missed is one run on waking up") {
  bool const monotonic_counts = GENERATE(false, true);
  INFO("the monotonic clock " << (monotonic_counts ? "counts" : "does not count") << " the sleep");
  Week week({.start = utc("2026-03-24 12:00:00"), .schedule = "0 */2 * * *", .watch = true});
  auto const write = [&week] { week.change(log_file); };
  week.at(utc("2026-03-24 15:00:00"), write);
  week.at(utc("2026-03-24 21:59:50"), write);   // would be pushed at 22:00:10
  week.at(utc("2026-03-24 22:00:00"), [&] { week.store_away(true); });
  week.at(utc("2026-03-24 22:00:01"), write);
  week.at(utc("2026-03-24 22:00:05"), [&] { week.suspend(9h, monotonic_counts); });
  week.at(utc("2026-03-25 07:00:30"), [&] { week.store_away(false); });
  week.at(utc("2026-03-25 07:10:00"), write);
  week.run_until(utc("2026-03-25 09:00:00"));
  CHECK(Week::texts(week.captured) == Lines{"03-24 15:00:20 change", "03-24 22:00:00 schedule", "03-25 07:00:05 schedule",
                                            "03-25 07:10:20 change"});
  REQUIRE(week.uploaded.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(week.captured[i].snapshot == week.uploaded[i].snapshot);
  CHECK(week.uploaded[2].when < utc("2026-03-25 07:01:30"));  // the retry of before the sleep holds nothing up
  week.check_that_all_restores();
}

TEST_CASE("week: the clock is set back by a day and forward again") {
  Week week({.start = utc("2026-03-25 00:00:00"), .schedule = "hourly"});
  week.watch_latest = true;
  agent_at_work(week, utc("2026-03-25 00:00:00"), utc("2026-03-25 18:00:00"));
  week.at(utc("2026-03-25 12:20:00"), [&] { week.set_wall_off_by(-24h); });
  week.at(utc("2026-03-25 15:20:00"), [&] { week.set_wall_off_by(0s); });
  week.run_until(utc("2026-03-25 18:05:00"));
  Lines expected;
  for (int hour = 1; hour <= 18; ++hour) {
    expected.push_back("03-25 " + std::string(hour < 10 ? "0" : "") + std::to_string(hour) + ":00:00");
    if (hour == 15) expected.push_back("03-25 15:20:00");  // a day of slots has passed, for the clock
  }
  CHECK(Week::texts(week.captured) == of_trigger(expected, "schedule"));
  CHECK(Week::texts(week.uploaded) == of_trigger(expected, "schedule"));
  CHECK(week.latest_was_another == 0);
  CHECK(week.listed().size() == 10);
  week.check_that_all_restores();
}

TEST_CASE("week: the clock is ahead by a few hours and is put right") {
  Week week({.start = utc("2026-03-25 00:00:00"), .schedule = "hourly"});
  week.watch_latest = true;
  agent_at_work(week, utc("2026-03-25 00:00:00"), utc("2026-03-25 18:00:00"));
  week.at(utc("2026-03-25 02:20:00"), [&] { week.set_wall_off_by(20h); });
  week.at(utc("2026-03-25 15:20:00"), [&] { week.set_wall_off_by(0s); });
  week.run_until(utc("2026-03-25 18:05:00"));
  CHECK(week.captured.back().when == utc("2026-03-25 18:00:00"));
  CHECK(week.latest_was_another == 0);
  CHECK(week.listed().size() == 10);
  week.check_that_all_restores();
}

TEST_CASE("week: the daemon is started again with captures waiting and a run missed") {
  Week week({.start = utc("2026-03-25 12:00:00"), .schedule = "0 3 * * *", .watch = true});
  auto const write = [&week] { week.change(log_file); };
  week.at(utc("2026-03-25 19:00:00"), [&] { week.store_away(true); });
  week.at(utc("2026-03-25 19:10:00"), write);
  week.at(utc("2026-03-25 19:59:50"), write);
  week.at(utc("2026-03-25 20:00:00"), [&] { week.stop_daemon(); });  // captures what has not rested yet
  week.at(utc("2026-03-25 23:00:00"), write);                        // nobody sees it
  week.at(utc("2026-03-26 05:00:00"), [&] { week.store_away(false); });
  week.at(utc("2026-03-26 06:00:00"), [&] { week.start_daemon(); });
  week.run_until(utc("2026-03-27 04:00:00"));
  CHECK(Week::texts(week.captured) == Lines{"03-25 19:10:20 change", "03-25 20:00:00 change", "03-26 06:00:00 schedule"});
  CHECK(Week::texts(week.uploaded) == Lines{"03-26 06:00:00 change", "03-26 06:00:00 change", "03-26 06:00:00 schedule"});
  week.check_that_all_restores();
}

TEST_CASE("week: retention keeps ten and thins what changes caused") {
  Week week({.start = utc("2026-03-23 00:00:00"), .schedule = "daily", .watch = true});
  // Every 20 minutes for a day and a half.
  week.every(utc("2026-03-23 00:20:00"), 20min, utc("2026-03-24 12:00:00"), [&week] { week.change(log_file); });
  week.run_until(utc("2026-03-24 12:01:00"));
  Lines kept_times;
  for (std::string const& id : week.listed()) kept_times.push_back(id.substr(5, 11));
  // The first push and the daily one; of the changes the newest of each hour for a day, all of the last hour, and the newest
  // of the day before that.
  CHECK(week.captured.size() == 3 * 36);
  CHECK(std::count(kept_times.begin(), kept_times.end(), "03-22T23-59") == 1);
  CHECK(std::count(kept_times.begin(), kept_times.end(), "03-24T00-00") == 1);
  for (char const* newest_of_hour : {"03-23T13-40", "03-23T20-40", "03-24T05-40", "03-24T10-40"})
    CHECK(std::count(kept_times.begin(), kept_times.end(), newest_of_hour) == 1);
  for (char const* last_hour : {"03-24T11-20", "03-24T11-40", "03-24T12-00"})
    CHECK(std::count(kept_times.begin(), kept_times.end(), last_hour) == 1);
  for (char const* thinned : {"03-23T00-20", "03-23T14-20", "03-24T10-20"})
    CHECK(std::count(kept_times.begin(), kept_times.end(), thinned) == 0);
  week.check_that_all_restores();
}

TEST_CASE("week: changes go on being pushed while the clock is set back by a day") {
  Week week({.start = utc("2026-03-25 09:00:00"), .schedule = "daily", .watch = true});
  auto const write = [&week] { week.change(log_file); };
  week.at(utc("2026-03-25 10:00:00"), write);
  week.at(utc("2026-03-25 10:00:30"), write);   // would be pushed at 10:05:20
  week.at(utc("2026-03-25 10:01:00"), [&] { week.set_wall_off_by(-23h); });
  week.at(utc("2026-03-25 12:00:00"), write);
  week.at(utc("2026-03-25 13:00:00"), [&] { week.set_wall_off_by(0s); });
  week.at(utc("2026-03-25 13:10:00"), write);
  week.run_until(utc("2026-03-25 14:00:00"));
  CHECK(Week::texts(week.captured) ==
        of_trigger({"03-25 10:00:20", "03-25 10:06:00", "03-25 12:00:20", "03-25 13:10:20"}, "change"));
  week.check_that_all_restores();
}

TEST_CASE("week: a few days with everything in them") { b2b::test::tell_story(utc("2026-03-24 00:00:00")); }
