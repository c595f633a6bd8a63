#include "daemon/service/check_times.h"

#include <optional>
#include <set>
#include <vector>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::service;
using namespace std::chrono_literals;

namespace {

constexpr char instance[] = "0123456789abcdef";
TimePoint const start = *parse_iso8601("2026-03-23T00:00:00Z");

// A daemon on a machine that can be suspended: it looks when it asked to, and each check takes no time.
class Daemon {
 public:
  explicit Daemon(CheckConfig const& config = {}, std::string id = instance) : config_(config), id_(std::move(id)) { restart(); }

  void restart() {
    std::string const kept = times ? times->text() : std::string();
    times.emplace(config_, id_, "store bucket prefix");
    times->restore(kept);
  }
  void suspend(std::chrono::nanoseconds length) { now += length; }

  void run_until(TimePoint end) {
    while (true) {
      REQUIRE(++looks < 100'000);
      auto const due = times->look({now, monotonic, unchanged_for, resting});
      if (due.begin) {
        times->began(*due.begin, now);
        (*due.begin == CheckKind::content ? content : presence).push_back(now);
        if (dies) restart();
        else times->ended(*due.begin, now, succeeds ? CheckTimes::End::done : fails_as);
        continue;
      }
      TimePoint const next = due.look_again ? std::min(*due.look_again, end) : end;
      REQUIRE((next > now || now >= end));
      if (now >= end) return;
      monotonic += next - now;
      now = next;
    }
  }

  std::optional<CheckTimes> times;
  TimePoint now = start;
  std::chrono::nanoseconds monotonic{0};
  std::chrono::nanoseconds unchanged_for = 1h;
  bool resting = true;
  bool succeeds = true;
  CheckTimes::End fails_as = CheckTimes::End::failed;
  bool dies = false;
  int looks = 0;
  std::vector<TimePoint> content, presence;

 private:
  CheckConfig config_;
  std::string id_;
};

}  // namespace

TEST_CASE("check times: content each week and presence each day, the first ones within a period") {
  Daemon daemon;
  daemon.run_until(start + 28 * 24h);
  REQUIRE(daemon.content.size() == 4);
  CHECK(daemon.content[0] - start < 7 * 24h + 31min);
  for (std::size_t i = 1; i < daemon.content.size(); ++i) {
    auto const between = daemon.content[i] - daemon.content[i - 1];
    CHECK(between >= 7 * 24h + 5min);
    CHECK(between <= 7 * 24h + 30min);
  }
  CHECK(daemon.presence.size() >= 26);
  CHECK(daemon.presence.size() <= 29);
  // It wakes for nothing but these: when one is due, and after its wait.
  CHECK(daemon.looks <= 3 * 33 + 3);
}

TEST_CASE("check times: instances do not check at the same minute, neither at first nor when all were switched on at once") {
  std::set<std::int64_t> first, after_sleep;
  for (char c = 'a'; c < 'a' + 20; ++c) {
    Daemon daemon({}, std::string(32, c));
    daemon.run_until(start + 7 * 24h + 31min);
    REQUIRE(daemon.content.size() == 1);
    first.insert((daemon.content[0] - start) / 1min);
    daemon.suspend(30 * 24h);
    TimePoint const woken = daemon.now;
    daemon.content.clear();
    daemon.run_until(woken + 2h);
    REQUIRE(daemon.content.size() == 1);
    after_sleep.insert((daemon.content[0] - woken) / 1min);
  }
  CHECK(first.size() >= 18);
  CHECK(after_sleep.size() >= 8);
}

TEST_CASE("check times: a laptop that was off for days checks soon after it wakes, not at once") {
  Daemon daemon;
  daemon.run_until(start + 7 * 24h + 31min);
  REQUIRE(daemon.content.size() == 1);
  SECTION("suspended") { daemon.suspend(10 * 24h); }
  SECTION("switched off") {
    daemon.suspend(10 * 24h);
    daemon.restart();
  }
  TimePoint const woken = daemon.now;
  daemon.run_until(woken + 1h);
  REQUIRE(daemon.content.size() == 2);
  CHECK(daemon.content[1] - woken >= 5min);
  CHECK(daemon.content[1] - woken <= 30min);
}

TEST_CASE("check times: it waits for quiet for two hours, and for jobs that run as long as they do") {
  Daemon daemon;
  daemon.unchanged_for = 10s;
  daemon.run_until(start + 7 * 24h + 31min);
  REQUIRE(daemon.content.size() == 1);
  TimePoint const with_changes = daemon.content[0];
  Daemon quiet;
  quiet.run_until(start + 7 * 24h + 31min);
  CHECK(with_changes - quiet.content[0] >= 2h);
  CHECK(with_changes - quiet.content[0] <= 2h + 2min);

  daemon.resting = false;
  daemon.run_until(start + 30 * 24h);
  CHECK(daemon.content.size() == 1);
  daemon.resting = true;
  daemon.run_until(start + 30 * 24h + 5min);
  CHECK(daemon.content.size() == 2);
}

TEST_CASE("check times: what did not come to its end is tried again after an hour, then ever less, also when it took the daemon down") {
  Daemon daemon;
  SECTION("the store is away") { daemon.succeeds = false; }
  SECTION("the daemon dies of it") { daemon.dies = true; }
  daemon.run_until(start + 21 * 24h);
  REQUIRE(daemon.content.size() >= 10);
  CHECK(daemon.content.size() <= 5 + 21);
  std::chrono::nanoseconds wait = 1h;
  for (std::size_t i = 1; i < daemon.content.size(); ++i) {
    CHECK(daemon.content[i] - daemon.content[i - 1] >= wait);
    CHECK(daemon.content[i] - daemon.content[i - 1] <= wait + 1h);
    wait = std::min<std::chrono::nanoseconds>(2 * wait, 24h);
  }
  daemon.succeeds = true;
  daemon.dies = false;
  daemon.content.clear();
  daemon.run_until(start + 28 * 24h);
  CHECK(daemon.content.size() == 1);
}

TEST_CASE("check times: an account's cap is waited for, a stop is no failure") {
  Daemon daemon;
  daemon.succeeds = false;
  SECTION("a cap") {
    daemon.fails_as = CheckTimes::End::capped;
    daemon.run_until(start + 10 * 24h);
    REQUIRE(daemon.content.size() >= 3);
    for (std::size_t i = 1; i < daemon.content.size(); ++i) CHECK(daemon.content[i] - daemon.content[i - 1] >= 24h);
  }
  SECTION("a stop") {
    daemon.fails_as = CheckTimes::End::stopped;
    daemon.run_until(start + 8 * 24h);
    REQUIRE(daemon.content.size() >= 3);
    for (std::size_t i = 1; i < daemon.content.size(); ++i) CHECK(daemon.content[i] - daemon.content[i - 1] <= 2h);
  }
}

TEST_CASE("check times: overdue after two periods, and not where checks are off") {
  Daemon daemon;
  daemon.run_until(start + 7 * 24h + 31min);
  REQUIRE(daemon.content.size() == 1);
  TimePoint const last = daemon.content[0];
  daemon.succeeds = false;
  daemon.run_until(last + 14 * 24h - 1min);
  CHECK_FALSE(daemon.times->overdue_since(CheckKind::content, daemon.now));
  daemon.run_until(last + 14 * 24h + 1min);
  REQUIRE(daemon.times->overdue_since(CheckKind::content, daemon.now));
  CHECK(*daemon.times->overdue_since(CheckKind::content, daemon.now) == last);
  CheckConfig off;
  off.enabled = false;
  daemon.times->configure(off, "store bucket prefix");
  CHECK_FALSE(daemon.times->overdue_since(CheckKind::content, daemon.now));
}

TEST_CASE("check times: a check that began for another target says nothing of this one") {
  CheckTimes times({}, instance, "one");
  times.began(CheckKind::content, start);
  times.configure({}, "two");
  std::string const fresh = times.text();
  CHECK_FALSE(times.look({start, 0h, 1h, true}).begin);   // one at a time
  times.ended(CheckKind::content, start + 1h, CheckTimes::End::done);
  CHECK(fresh == "0 0 0 0 0 0 two");
  CHECK(times.text() == fresh);
}

TEST_CASE("check times: while other jobs go on, a machine is not woken for a check") {
  Daemon daemon;
  daemon.run_until(start + 7 * 24h + 31min);
  daemon.resting = false;
  daemon.looks = 0;
  daemon.run_until(start + 30 * 24h);
  CHECK(daemon.looks <= 10);
}

TEST_CASE("check times: a clock that was a month ahead puts nothing off by more than a period") {
  Daemon daemon;
  daemon.suspend(30 * 24h);
  daemon.run_until(daemon.now + 8 * 24h);
  REQUIRE(daemon.content.size() >= 1);
  daemon.now = start;
  daemon.content.clear();
  daemon.run_until(start + 8 * 24h);
  CHECK(daemon.content.size() == 1);
}

TEST_CASE("check times: turned off, and another period") {
  CheckConfig config;
  config.enabled = false;
  Daemon off(config);
  off.run_until(start + 60 * 24h);
  CHECK(off.content.empty());
  CHECK(off.presence.empty());
  config.enabled = true;
  config.every = 30 * 24h;
  Daemon monthly(config);
  monthly.run_until(start + 61 * 24h);
  CHECK(monthly.content.size() == 2);
  CHECK(monthly.presence.size() >= 59);
  config.every = 10s;
  Daemon often(config);
  often.run_until(start + 2min);
  CHECK(often.content.size() >= 9);
}

TEST_CASE("check times: what was kept counts for its store only, and nonsense for nothing") {
  CheckTimes times({}, instance, "one");
  times.began(CheckKind::content, start);
  times.ended(CheckKind::content, start, CheckTimes::End::done);
  std::string const text = times.text();
  CheckTimes same({}, instance, "one");
  same.restore(text);
  CHECK(same.text() == text);
  for (std::string const& wrong : {std::string("1 2 3"), std::string("x 2 0 3 4 0 one"), std::string("1 2 3 4 one"), std::string("1 2 0 3 4 0 other"), std::string(), std::string("1  0 3 4 0 one")}) {
    CheckTimes other({}, instance, "one");
    std::string const before = other.text();
    other.restore(wrong);
    CHECK(other.text() == before);
  }
  same.configure({}, "two");
  CHECK(same.text() == "0 0 0 0 0 0 two");
}
