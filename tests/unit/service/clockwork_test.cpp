#include "daemon/service/clockwork.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono_literals;
using b2b::service::Clockwork;

namespace {

constexpr char machine[] = "0123456789abcdef";
TimePoint const noon = TimePoint(std::chrono::sys_days(std::chrono::year(2026) / 3 / 24)) + 12h;  // a Tuesday

ServiceConfig config_of(std::string schedule, bool watch = false) {
  ServiceConfig config;
  config.schedule = std::move(schedule);
  config.timezone = "UTC";
  config.watch.push = watch;
  return config;
}

Clockwork clockwork_of(ServiceConfig const& config) {
  auto made = Clockwork::create(config, machine);
  INFO((made ? std::string() : made.error().text()));
  REQUIRE(made);
  return std::move(*made);
}

using Triggers = std::vector<Trigger>;

}  // namespace

TEST_CASE("clockwork: what cannot be a schedule or a time zone") {
  auto config = config_of("sometimes");
  CHECK(Clockwork::create(config, machine).error().condition == Condition::bad_config);
  config = config_of("daily");
  config.timezone = "Europe/Atlantis";
  CHECK(Clockwork::create(config, machine).error().condition == Condition::bad_config);
}

TEST_CASE("clockwork: what was reported before the scan began belongs to the push, too") {
  auto clockwork = clockwork_of(config_of("off"));
  auto const first = clockwork.push_began(noon);
  clockwork.changed_unknown(noon + 1s);
  SECTION("it came before the scan") {
    clockwork.push_done(first, true);
    CHECK(clockwork.changes().empty());
  }
  SECTION("it may have come after") {
    clockwork.push_done(first, false);
    CHECK_FALSE(clockwork.changes().empty());
  }
}

TEST_CASE("clockwork: a first start waits for the next slot; each slot is due once") {
  auto clockwork = clockwork_of(config_of("hourly"));
  CHECK(clockwork.text().empty());
  auto due = clockwork.look(noon);
  CHECK(due.triggers.empty());
  CHECK(due.look_again == noon + 1h);
  CHECK(clockwork.next_scheduled(noon) == noon + 1h);
  CHECK(clockwork.look(noon + 1h).triggers == Triggers{Trigger::schedule});
  due = clockwork.look(noon + 1h);
  CHECK(due.triggers.empty());
  CHECK(due.look_again == noon + 2h);
}

TEST_CASE("clockwork: what was kept survives a restart, another schedule's past does not") {
  auto first = clockwork_of(config_of("hourly"));
  first.look(noon);
  std::string const text = first.text();
  CHECK_FALSE(text.empty());
  first.look(noon + 10min);
  CHECK(first.text() == text);                     // nothing to keep anew
  SECTION("the same schedule: what was missed is due, once") {
    auto second = clockwork_of(config_of("hourly"));
    second.restore(text);
    CHECK(second.look(noon + 5h + 1min).triggers == Triggers{Trigger::schedule});
    CHECK(second.text() != text);
    CHECK(second.look(noon + 5h + 2min).triggers.empty());
  }
  SECTION("another schedule, another zone, or damage: as at a first start") {
    auto config = config_of("0 */2 * * *");
    std::string kept = text;
    SECTION("schedule") {}
    SECTION("zone") {
      config = config_of("hourly");
      config.timezone = "Europe/Berlin";
    }
    SECTION("no number") {
      config = config_of("hourly");
      kept = "x" + text;
    }
    SECTION("a number with something after it") {
      config = config_of("hourly");
      kept = "1x" + text.substr(text.find(' '));
    }
    SECTION("only a number") {
      config = config_of("hourly");
      kept = "1";
    }
    auto second = clockwork_of(config);
    second.restore(kept);
    CHECK(second.text().empty());
    CHECK(second.look(noon + 5h + 1min).triggers.empty());
  }
}

TEST_CASE("clockwork: off, nothing is ever due and nothing is kept") {
  auto clockwork = clockwork_of(config_of("off"));
  clockwork.changed("a", noon);
  auto const due = clockwork.look(noon + 24h);
  CHECK(due.triggers.empty());
  CHECK_FALSE(due.look_again);
  CHECK(clockwork.text().empty());
  CHECK_FALSE(clockwork.next_scheduled(noon));
  CHECK_FALSE(clockwork.stale_after(noon));
}

TEST_CASE("clockwork: jitter moves every slot by the same time, which is the machine's own") {
  auto config = config_of("hourly");
  config.jitter = 10min;
  auto clockwork = clockwork_of(config);
  clockwork.look(noon);
  auto const slot = clockwork.next_scheduled(noon);
  REQUIRE(slot);
  auto const delay = *slot - (noon + 1h) < 0s ? *slot - noon : *slot - (noon + 1h);
  CHECK(delay >= 0s);
  CHECK(delay <= 10min);
  CHECK(delay == spread_delay(machine, 600s));
  CHECK(clockwork.look(*slot - 1s).triggers.empty());
  CHECK(clockwork.look(*slot).triggers == Triggers{Trigger::schedule});
  CHECK(clockwork.next_scheduled(*slot) == *slot + 1h);
}

TEST_CASE("clockwork: changes count only when they are to be pushed, and are remembered all the same") {
  auto clockwork = clockwork_of(config_of("daily"));
  clockwork.changed("a", noon);
  auto const due = clockwork.look(noon + 1h);
  CHECK(due.triggers.empty());
  CHECK(due.look_again == noon + 12h);
  CHECK(clockwork.changes().paths().size() == 1);
}

TEST_CASE("clockwork: a push takes the changes; when it fails they are changes again") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.changed("a", noon);
  CHECK(clockwork.look(noon).look_again == noon + 20s);
  CHECK(clockwork.look(noon + 20s).triggers == Triggers{Trigger::change});
  auto const push = clockwork.push_began(noon + 20s);
  CHECK(clockwork.changes().empty());
  CHECK_FALSE(clockwork.look(noon + 20s).look_again);
  clockwork.changed("b", noon + 21s);
  SECTION("done") {
    clockwork.push_done(push);
    CHECK(clockwork.changes().paths().size() == 1);
    clockwork.push_failed(push);                   // it is over
    CHECK(clockwork.changes().paths().size() == 1);
  }
  SECTION("failed") {
    clockwork.push_failed(push);
    CHECK(clockwork.changes().paths().size() == 2);
    CHECK(clockwork.look(noon + 30s).look_again == noon + 20s + 5min);
    CHECK(clockwork.look(noon + 20s + 5min).triggers == Triggers{Trigger::change});
  }
}

TEST_CASE("clockwork: pushes that overlap have their own changes, and a later one has those of an earlier one that failed") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.changed("a", noon);
  auto const first = clockwork.push_began(noon);
  clockwork.changed("b", noon + 1s);
  auto const second = clockwork.push_began(noon + 1s);
  auto const paths = [&] { return std::vector<std::string>(clockwork.changes().paths().begin(), clockwork.changes().paths().end()); };
  SECTION("the first fails, then the second is done: it captured both") {
    clockwork.push_failed(first);
    CHECK(clockwork.push_under_way());
    CHECK(paths().empty());
    clockwork.push_done(second);
    CHECK(paths().empty());
  }
  SECTION("the first fails, then the second: both are changes") {
    clockwork.push_failed(first);
    clockwork.push_failed(second);
    CHECK(paths() == std::vector<std::string>{"a", "b"});
  }
  SECTION("the first is done, then the second fails: nothing of the second is lost") {
    clockwork.push_done(first);
    CHECK(clockwork.push_under_way());
    clockwork.push_failed(second);
    CHECK(paths() == std::vector<std::string>{"b"});
  }
  SECTION("the second is done, then the first fails: nothing is doubled") {
    clockwork.push_done(second);
    clockwork.push_failed(first);
    CHECK(paths().empty());
  }
  CHECK_FALSE(clockwork.push_under_way());
}

TEST_CASE("clockwork: another configuration takes over what is under way, and when the last push began") {
  auto before = clockwork_of(config_of("hourly", true));
  before.look(noon - 30min);
  CHECK(before.look(noon).triggers == Triggers{Trigger::schedule});
  before.changed("a", noon);
  auto const push = before.push_began(noon);
  before.changed("b", noon + 1s);
  auto config = config_of("hourly", true);
  config.watch.min_interval = 10min;
  auto after = clockwork_of(config);
  after.take_over(std::move(before));
  CHECK(after.changes().first_change() == noon + 1s);
  CHECK(after.look(noon + 30s).triggers.empty());            // neither the run again nor the change too soon
  CHECK(after.look(noon + 30s).look_again == noon + 10min);
  after.push_failed(push);
  CHECK(after.changes().paths().size() == 2);
  CHECK(after.push_began(noon + 10min) > push);
}

TEST_CASE("clockwork: a slot and changes that come together are both named") {
  auto clockwork = clockwork_of(config_of("hourly", true));
  clockwork.look(noon);
  clockwork.changed("a", noon + 59min + 40s);
  CHECK(clockwork.look(noon + 1h).triggers == Triggers{Trigger::schedule, Trigger::change});
}

TEST_CASE("clockwork: much to copy makes changes wait longer") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.push_began(noon);
  clockwork.change_captured(2'000'000'000, 20s);
  clockwork.changed("a", noon + 1s);
  CHECK(clockwork.look(noon + 1s).look_again == noon + 2000s);
  CHECK(clockwork.change_interval() == 2000s);
}

TEST_CASE("clockwork: a capture and an upload that take long make changes wait longer, until the next push takes less") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.push_began(noon);
  clockwork.change_captured(1'000, 20s);
  CHECK(clockwork.change_interval() == 300s);
  clockwork.change_uploaded(100s);
  clockwork.changed("a", noon + 1s);
  CHECK(clockwork.look(noon + 1s).look_again == noon + 1200s);
  auto reloaded = clockwork_of(config_of("off", true));
  reloaded.take_over(std::move(clockwork));
  CHECK(reloaded.change_interval() == 1200s);
  reloaded.change_captured(1'000, 1s);
  CHECK(reloaded.change_interval() == 300s);
}

TEST_CASE("clockwork: what is not set is off until the layout is known, and another one counts at once") {
  auto config = config_of("off");
  config.watch.push.reset();
  auto clockwork = clockwork_of(config);
  clockwork.changed("a", noon);
  CHECK_FALSE(clockwork.look(noon + 1h).look_again);
  clockwork.push_changes(true);
  CHECK(clockwork.look(noon + 1h).triggers == Triggers{Trigger::change});   // it waited long enough
  auto reloaded = clockwork_of(config);
  reloaded.take_over(std::move(clockwork));
  CHECK(reloaded.pushes_changes());
  reloaded.push_changes(false);
  CHECK(reloaded.look(noon + 1h).triggers.empty());
}

TEST_CASE("clockwork: changes that are not known are changes") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.changed_unknown(noon);
  CHECK(clockwork.look(noon + 20s).triggers == Triggers{Trigger::change});
}

TEST_CASE("clockwork: a clock that was set back delays changes by one interval, however often it is asked") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.push_began(noon);
  clockwork.changed("a", noon + 10s);
  TimePoint const before = noon - 24h;
  std::optional<TimePoint> pushed;
  for (TimePoint now = before; now < before + 1h && !pushed; now += 10s)
    if (!clockwork.look(now).triggers.empty()) pushed = now;
  CHECK(pushed == before + 5min);
}

TEST_CASE("clockwork: changes of a push that failed under a clock set right meanwhile hold nothing up") {
  auto clockwork = clockwork_of(config_of("off", true));
  clockwork.changed("a", noon);
  auto const push = clockwork.push_began(noon + 20s);
  TimePoint const before = noon - 24h;
  clockwork.look(before);
  clockwork.push_failed(push);
  std::optional<TimePoint> pushed;
  for (TimePoint now = before; now < before + 1h && !pushed; now += 10s)
    if (!clockwork.look(now).triggers.empty()) pushed = now;
  CHECK(pushed == before + 5min);
}

TEST_CASE("clockwork: when a backup counts as stale") {
  CHECK(clockwork_of(config_of("hourly")).stale_after(noon) == 2h);
  CHECK(clockwork_of(config_of("daily")).stale_after(noon) == 48h);
  CHECK(clockwork_of(config_of("0 9 * * 1-5")).stale_after(noon) == 144h);   // a weekend is no alarm
  auto config = config_of("off");
  config.stale_after = 90min;
  CHECK(clockwork_of(config).stale_after(noon) == 90min);
}

TEST_CASE("clockwork: what was copied counts, also when nothing new was in it") {
  PushReport report;
  report.unchanged = true;
  CHECK_FALSE(service::costs_something(report));
  report.bytes_captured = 2'000'000'000;
  CHECK(service::costs_something(report));
  report.unchanged = false;
  report.bytes_captured = 0;
  CHECK(service::costs_something(report));
}
