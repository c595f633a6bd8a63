#include "tests/unit/service/week_story.h"

namespace b2b::test {

using namespace std::chrono_literals;

void tell_story(TimePoint midnight, Store* store) {
  Week week({.start = midnight, .schedule = "0 */6 * * *", .watch = true, .keep_snapshots = 3, .store = store});
  week.watch_latest = true;
  auto const day = [&](int number, std::chrono::nanoseconds time) { return midnight + (number - 1) * 24h + time; };
  auto const write = [&week] { week.change("agents/main/sessions/a.jsonl"); };
  auto const compaction = [&week, write] {
    write();
    week.push(Trigger::compaction);
  };
  week.at(day(1, 10h), write);
  week.at(day(1, 15h), compaction);
  week.at(day(1, 15h + 1min), compaction);
  // The store is away for three hours.
  week.at(day(1, 22h + 30min), [&] { week.store_away(true); });
  week.at(day(1, 23h), write);
  week.at(day(1, 23h + 50min), write);
  week.at(day(2, 1h + 30min), [&] { week.store_away(false); });
  week.at(day(2, 12h), write);                 // at the very moment of a scheduled run
  week.at(day(2, 20h + 5s), write);
  week.at(day(2, 20h + 10s), [&] { week.suspend(9h, false); });
  week.at(day(3, 6h + 59min + 55s), write);
  week.at(day(3, 7h), [&] { week.stop_daemon(); });
  week.at(day(3, 8h), [&] { week.start_daemon(); });
  week.at(day(3, 8h + 30min), write);
  // The clock is set back by five hours, and right again.
  week.at(day(3, 9h), [&] { week.set_wall_off_by(-5h); });
  week.at(day(3, 9h + 10min), write);
  week.at(day(3, 10h), [&] { week.set_wall_off_by(0s); });
  week.at(day(3, 17h), write);
  week.at(day(3, 17h + 10s), [&] { week.push(Trigger::manual); });
  week.run_until(day(3, 19h));

  std::vector<std::string> const captured{
      "day 1 10:00:20 change",   "day 1 15:00:00 compaction", "day 1 15:01:00 compaction", "day 1 23:00:20 change",
      "day 1 23:50:20 change",   "day 2 12:00:00 schedule",   "day 3 05:00:10 schedule",   "day 3 07:00:00 change",
      "day 3 08:30:20 change",   "day 3 09:10:20 change",     "day 3 17:00:10 manual"};
  std::vector<std::string> const uploaded{
      "day 1 10:00:20 change",   "day 1 15:00:00 compaction", "day 1 15:05:00 compaction", "day 2 01:31:05 change",
      "day 2 01:31:05 change",   "day 2 12:00:00 schedule",   "day 3 05:00:10 schedule",   "day 3 08:00:00 change",
      "day 3 08:30:20 change",   "day 3 09:10:20 change",     "day 3 17:00:10 manual"};
  CHECK(week.of_days(week.captured) == captured);
  CHECK(week.of_days(week.uploaded) == uploaded);
  CHECK(week.latest_was_another == 0);
  CHECK(week.refused_calls > 0);
  std::vector<std::string> kept;               // the three newest that no change caused
  for (auto const& entry : week.captured)
    if (entry.trigger != "change") kept.push_back(entry.snapshot);
  kept.erase(kept.begin(), kept.end() - 3);
  auto const listed = week.listed();
  for (std::string const& id : kept) CHECK(std::find(listed.begin(), listed.end(), id) != listed.end());
  for (auto const& entry : week.captured)
    if (entry.trigger == "compaction") CHECK(std::find(listed.begin(), listed.end(), entry.snapshot) == listed.end());
  week.check_that_all_restores();
}

}  // namespace b2b::test
