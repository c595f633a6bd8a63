#include "core/watch/quiet.h"

#include <random>

#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

TimePoint const noon{1'750'000'000s};
QuietRule const rule;  // 20 s, 5 min

ChangeSet changed(TimePoint first, TimePoint last) {
  ChangeSet changes;
  changes.add("a", first);
  changes.add("b", last);
  return changes;
}

}  // namespace

TEST_CASE("no change, no push") { CHECK_FALSE(next_push(ChangeSet(), rule, {}, noon, noon)); }

TEST_CASE("a push waits until it has been quiet") {
  CHECK(next_push(changed(noon, noon), rule, {}, {}, noon) == noon + 20s);
  CHECK(next_push(changed(noon, noon + 15s), rule, {}, {}, noon + 15s) == noon + 35s);
  CHECK(next_push(changed(noon, noon), rule, {}, noon - 1h, noon + 3s) == noon + 20s);
}

TEST_CASE("what never rests is pushed one interval after its first change") {
  CHECK(next_push(changed(noon, noon + 299s), rule, {}, {}, noon + 299s) == noon + 300s);
}

TEST_CASE("pushes start one interval apart") {
  CHECK(next_push(changed(noon + 10s, noon + 10s), rule, {}, noon, noon + 10s) == noon + 300s);
  CHECK(next_push(changed(noon + 290s, noon + 290s), rule, {}, noon, noon + 290s) == noon + 310s);
}

TEST_CASE("much that was copied stretches the interval, up to a day") {
  CHECK(push_interval(rule, {}) == 300s);
  CHECK(push_interval(rule, {300'000'000}) == 300s);
  CHECK(push_interval(rule, {2'000'000'000}) == 2000s);
  CHECK(push_interval(rule, {UINT64_MAX}) == 24h);
  CHECK(push_interval({20s, 48h}, {UINT64_MAX}) == 48h);
  CHECK(next_push(changed(noon, noon), rule, {2'000'000'000}, noon - 100s, noon) == noon + 1900s);
}

TEST_CASE("a push that took long stretches the interval: to ten times that, up to an hour; and to twice that, up to a day") {
  CHECK(push_interval(rule, {0, 30s}) == 300s);
  CHECK(push_interval(rule, {0, 31s}) == 310s);
  CHECK(push_interval(rule, {0, 20s, 40s}) == 600s);            // capture and upload
  CHECK(push_interval(rule, {0, 30s, 1ns}) == 301s);            // never shorter than asked for
  CHECK(push_interval(rule, {0, 0s, 6min}) == 1h);
  CHECK(push_interval(rule, {0, 0s, 30min}) == 1h);
  CHECK(push_interval(rule, {0, 1min, 31min}) == 64min);
  CHECK(push_interval(rule, {0, 0s, 13h}) == 24h);
  CHECK(push_interval({20s, 2h}, {0, 0s, 30min}) == 2h);
  CHECK(push_interval(rule, {2'000'000'000, 20s, 40s}) == 2000s);   // the longest counts
  CHECK(push_interval(rule, {500'000'000, 20s, 40s}) == 600s);
}

TEST_CASE("a time that cannot be stretches nothing beyond a day, nor below what is set") {
  auto const most = std::chrono::nanoseconds::max();
  CHECK(push_interval(rule, {0, most, most}) == 24h);
  CHECK(push_interval(rule, {0, -1h, std::chrono::nanoseconds::min()}) == 300s);
}

TEST_CASE("a clock that was set back delays by one interval at most") {
  auto const push = next_push(changed(noon + 1h, noon + 2h), rule, {}, noon + 2h, noon);
  REQUIRE(push);
  CHECK(*push == noon + 300s);
}

TEST_CASE("whatever comes when: never within an interval of the last push, never later than one after the first change") {
  std::mt19937 random(20260219);
  auto const seconds = [&](int most) { return std::chrono::seconds(random() % static_cast<unsigned>(most)); };
  for (int i = 0; i < 10'000; ++i) {
    QuietRule const any{seconds(100), 1s + seconds(1000)};
    TimePoint const last_push = noon;
    TimePoint const first = noon + seconds(2000);
    TimePoint const last = first + seconds(2000);
    TimePoint const now = last + seconds(100);
    PushCost const cost{random(), seconds(60), seconds(600)};
    auto const interval = push_interval(any, cost);
    auto const push = next_push(changed(first, last), any, cost, last_push, now);
    INFO(i);
    REQUIRE(push);
    CHECK(*push >= last_push + interval);
    CHECK(*push <= first + interval);
    CHECK((*push >= last + any.quiet || *push == first + interval || *push == last_push + interval));
  }
}
