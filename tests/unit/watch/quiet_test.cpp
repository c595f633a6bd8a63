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

TEST_CASE("no change, no push") { CHECK_FALSE(next_push(ChangeSet(), rule, 0, noon, noon)); }

TEST_CASE("a push waits until it has been quiet") {
  CHECK(next_push(changed(noon, noon), rule, 0, {}, noon) == noon + 20s);
  CHECK(next_push(changed(noon, noon + 15s), rule, 0, {}, noon + 15s) == noon + 35s);
  CHECK(next_push(changed(noon, noon), rule, 0, noon - 1h, noon + 3s) == noon + 20s);
}

TEST_CASE("what never rests is pushed one interval after its first change") {
  CHECK(next_push(changed(noon, noon + 299s), rule, 0, {}, noon + 299s) == noon + 300s);
}

TEST_CASE("pushes start one interval apart") {
  CHECK(next_push(changed(noon + 10s, noon + 10s), rule, 0, noon, noon + 10s) == noon + 300s);
  CHECK(next_push(changed(noon + 290s, noon + 290s), rule, 0, noon, noon + 290s) == noon + 310s);
}

TEST_CASE("much to copy stretches the interval, up to a day") {
  CHECK(push_interval(rule, 0) == 300s);
  CHECK(push_interval(rule, 300'000'000) == 300s);
  CHECK(push_interval(rule, 2'000'000'000) == 2000s);
  CHECK(push_interval(rule, UINT64_MAX) == 24h);
  CHECK(push_interval({20s, 48h}, UINT64_MAX) == 48h);
  CHECK(next_push(changed(noon, noon), rule, 2'000'000'000, noon - 100s, noon) == noon + 1900s);
}

TEST_CASE("a clock that was set back delays by one interval at most") {
  auto const push = next_push(changed(noon + 1h, noon + 2h), rule, 0, noon + 2h, noon);
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
    std::uint64_t const bytes = random();
    auto const interval = push_interval(any, bytes);
    auto const push = next_push(changed(first, last), any, bytes, last_push, now);
    INFO(i);
    REQUIRE(push);
    CHECK(*push >= last_push + interval);
    CHECK(*push <= first + interval);
    CHECK((*push >= last + any.quiet || *push == first + interval || *push == last_push + interval));
  }
}
