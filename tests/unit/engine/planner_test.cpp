#include "core/engine/planner.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

std::vector<std::uint64_t> jobs_of(std::vector<Planner::Served> const& batch) {
  std::vector<std::uint64_t> out;
  for (Planner::Served const& served : batch) out.push_back(served.job);
  return out;
}

}  // namespace

TEST_CASE("planner: triggers that wait share a capture, those that come while it runs get the next one") {
  Planner planner(PlannerSettings{});
  CHECK(planner.begin_capture(0s).empty());
  planner.triggered(1, Trigger::change);
  planner.triggered(2, Trigger::compaction);
  auto const batch = planner.begin_capture(0s);
  CHECK(jobs_of(batch) == std::vector<std::uint64_t>{1, 2});
  CHECK(Planner::strongest(batch) == Trigger::compaction);
  planner.triggered(3, Trigger::compaction);
  CHECK(planner.begin_capture(1s).empty());
  planner.capture_ended();
  CHECK(jobs_of(planner.begin_capture(1s)) == std::vector<std::uint64_t>{3});
}

TEST_CASE("planner: a compaction is captured at once, however soon after the last, and its upload waits") {
  Planner planner(PlannerSettings{});
  planner.queued(Trigger::compaction);
  REQUIRE(planner.upload_due(100s));
  planner.upload_begins();
  CHECK_FALSE(planner.upload_due(100s));
  planner.uploaded(Trigger::compaction, 100s);
  planner.upload_ended({});
  planner.triggered(1, Trigger::compaction);
  CHECK(planner.begin_capture(101s).size() == 1);
  planner.capture_ended();
  planner.queued(Trigger::compaction);
  CHECK_FALSE(planner.upload_due(399s));
  CHECK(planner.next_wake(200s) == Monotonic(400s));
  CHECK(planner.upload_due(400s));
  // Anything else that waits takes it along.
  planner.queued(Trigger::manual);
  CHECK(planner.upload_due(200s));
}

TEST_CASE("planner: what is queued after the look at what is left is not forgotten") {
  Planner planner(PlannerSettings{});
  planner.queued(Trigger::manual);
  planner.upload_begins();
  planner.queued(Trigger::schedule);
  planner.uploaded(Trigger::manual, 100s);
  planner.uploaded(Trigger::schedule, 100s);
  // Here the lane looks at the queue: it is empty. While it prunes, another capture ends.
  planner.queued(Trigger::manual);
  planner.upload_ended({});
  CHECK(planner.upload_due(100s));
  planner.upload_begins();
  planner.uploaded(Trigger::manual, 101s);
  planner.upload_ended({});
  CHECK_FALSE(planner.next_upload());
  planner.queued(Trigger::manual);
  planner.upload_begins();
  planner.queued(Trigger::schedule);
  planner.upload_failed(200s, {Trigger::manual});
  CHECK_FALSE(planner.upload_due(200s));
  CHECK(planner.next_upload());
}

TEST_CASE("planner: uploads that fail wait longer each time, and start over after one that worked") {
  PlannerSettings settings;
  Planner planner(settings);
  planner.queued(Trigger::schedule);
  Monotonic now = 0s;
  std::vector<Monotonic> waits;
  for (int i = 0; i < 9; ++i) {
    REQUIRE(planner.upload_due(now));
    planner.upload_begins();
    planner.upload_failed(now, {Trigger::schedule});
    CHECK_FALSE(planner.upload_due(now));
    Monotonic const next = *planner.next_wake(now);
    waits.push_back(next - now);
    now = next;
  }
  CHECK(waits.front() == settings.first_retry);
  CHECK(waits[1] == 2 * settings.first_retry);
  CHECK(waits.back() == settings.longest_retry);
  planner.upload_begins();
  planner.uploaded(Trigger::schedule, now);
  planner.upload_ended({Trigger::schedule});
  CHECK(planner.upload_due(now));
  planner.upload_begins();
  planner.upload_failed(now, {Trigger::schedule});
  CHECK(*planner.next_wake(now) - now == settings.first_retry);
  planner.try_uploads_now();
  CHECK(planner.upload_due(now));
}

TEST_CASE("planner: captures that could not be made wait, and are made together with what came meanwhile") {
  PlannerSettings settings;
  Planner planner(settings);
  planner.triggered(1, Trigger::schedule);
  auto const batch = planner.begin_capture(0s);
  planner.capture_postponed(batch, 0s, false);
  planner.triggered(2, Trigger::compaction);
  CHECK(planner.begin_capture(1s).empty());
  CHECK(planner.next_wake(1s) == settings.first_retry);
  CHECK(jobs_of(planner.begin_capture(settings.first_retry)) == std::vector<std::uint64_t>{1, 2});
  planner.capture_postponed({{1, Trigger::schedule}}, settings.first_retry, true);
  CHECK(planner.next_wake(settings.first_retry) == settings.first_retry + settings.soon);
  CHECK(planner.forget_trigger(1));
  CHECK_FALSE(planner.forget_trigger(1));
  CHECK_FALSE(planner.next_wake(settings.first_retry));
}

TEST_CASE("planner: with nothing to do there is no time to wake at") {
  Planner planner(PlannerSettings{});
  CHECK_FALSE(planner.next_wake(5s));
  CHECK_FALSE(planner.next_upload());
  CHECK_FALSE(planner.upload_due(5s));
}
