#include "core/store/fault_store.h"

#include <catch2/catch.hpp>

#include "tests/unit/store/conformance_support.h"

using namespace b2b;
using test::condition_of;

namespace {

TimePoint const start = *parse_iso8601("2026-02-19T12:00:00Z");

// Which of 200 calls fail with this plan.
std::vector<int> failing_calls(FaultPlan const& plan) {
  ManualClock clock(start);
  FaultStore store(make_memory_store(clock, false), plan);
  std::vector<int> failing;
  for (int call = 1; call <= 200; ++call)
    if (!store.put("key", MemorySource("x"), {})) failing.push_back(call);
  return failing;
}

}  // namespace

TEST_CASE("fault store: without a plan it is the inner store") {
  ManualClock clock(start);
  test::ConformanceOptions options;
  options.clock = &clock;
  options.listed_objects = 1100;
  test::run_conformance(
      [&]() -> std::unique_ptr<Store> {
        return std::make_unique<FaultStore>(make_memory_store(clock, true), FaultPlan{});
      },
      options);
}

TEST_CASE("fault store: one call fails and says which") {
  FaultPlan plan;
  plan.seed = 4711;
  plan.fail_call = 17;
  CHECK(failing_calls(plan) == std::vector<int>{17});

  ManualClock clock(start);
  FaultStore store(make_memory_store(clock, false), [&] {
    plan.fail_call = 2;
    plan.condition = Condition::throttled;
    return plan;
  }());
  test::must_put(store, "a", "1");
  auto const failed = store.put("b", MemorySource("2"), {});
  CHECK(condition_of(failed) == Condition::throttled);
  CHECK(failed.error().retryable);
  CHECK(failed.error().message.find("4711") != std::string::npos);
  CHECK(failed.error().message.find("call 2") != std::string::npos);
  CHECK(failed.error().message.find("put b") != std::string::npos);
  CHECK(test::is_absent(store, "b"));
  CHECK(store.injected() == 1);
  CHECK(store.calls() == 3);
}

TEST_CASE("fault store: the seed decides") {
  FaultPlan plan;
  plan.fail_probability = 0.2;
  plan.seed = 1;
  auto const first = failing_calls(plan);
  CHECK(first == failing_calls(plan));
  CHECK(first.size() > 20);
  CHECK(first.size() < 65);
  plan.seed = 2;
  CHECK(first != failing_calls(plan));
}

TEST_CASE("fault store: a lost answer leaves the effect") {
  ManualClock clock(start);
  FaultPlan plan;
  plan.fail_call = 1;
  plan.answer_lost_probability = 1;
  FaultStore store(make_memory_store(clock, false), plan);
  CHECK(condition_of(store.put("a", MemorySource("1"), {})) == Condition::unreachable);
  CHECK(test::must_get(store, "a") == "1");
}

TEST_CASE("fault store: damaged reads") {
  ManualClock clock(start);
  auto const memory = make_memory_store(clock, false);
  std::string const body = test::body_of(200'000, 1);
  test::must_put(*memory, "key", body);
  test::must_put(*memory, "empty", "");
  SECTION("one flipped bit, said to be fine") {
    FaultPlan plan;
    plan.corrupt_read_probability = 1;
    FaultStore store(*memory, plan);
    std::string const damaged = test::must_get(store, "key");
    REQUIRE(damaged.size() == body.size());
    std::size_t differences = 0;
    for (std::size_t i = 0; i < body.size(); ++i)
      differences += damaged[i] != body[i] ? 1U : 0U;
    CHECK(differences == 1);
    CHECK(store.injected() == 1);
    StringSink sink(10);
    REQUIRE(test::ok(store.get("key", ByteRange{100, 10}, sink, {})));
    CHECK(sink.text() != body.substr(100, 10));
    CHECK(test::must_get(store, "empty").empty());
  }
  SECTION("a part only") {
    FaultPlan plan;
    plan.short_read_probability = 1;
    FaultStore store(*memory, plan);
    StringSink sink(body.size());
    CHECK(condition_of(store.get("key", std::nullopt, sink, {})) == Condition::transit);
    CHECK(sink.text().size() < body.size());
    CHECK(body.starts_with(sink.text()));
  }
}

TEST_CASE("fault store: the store vanishes after some puts") {
  ManualClock clock(start);
  FaultPlan plan;
  plan.vanish_after_puts = 2;
  FaultStore store(make_memory_store(clock, false), plan);
  test::must_put(store, "a", "1");
  CHECK(test::must_get(store, "a") == "1");
  test::must_put(store, "b", "2");
  CHECK(condition_of(store.put("c", MemorySource("3"), {})) == Condition::unreachable);
  CHECK(condition_of(store.head("a", {})) == Condition::unreachable);
  CHECK(condition_of(store.list({}, [](auto const&) { return true; }, {})) == Condition::unreachable);
  CHECK(condition_of(store.list_versions("", [](auto const&) { return true; }, {})) ==
        Condition::unreachable);
  CHECK(condition_of(store.copy("a", "b", 1, {})) == Condition::unreachable);
  CHECK(condition_of(store.remove_versions({}, {})) == Condition::unreachable);
  CHECK(condition_of(store.flush({})) == Condition::unreachable);
  CHECK(condition_of(store.remove_unfinished("", 0, {})) == Condition::unreachable);
  CHECK(condition_of(store.now({})) == Condition::unreachable);
}

TEST_CASE("fault store: the hook sees every operation first") {
  ManualClock clock(start);
  std::vector<std::string> seen;
  FaultPlan plan;
  plan.before = [&](std::uint64_t number, std::string_view verb, std::string const& subject) -> Result<void> {
    seen.push_back(std::to_string(number) + " " + std::string(verb) + " " + subject);
    if (verb == "flush") return make_error(Condition::cancelled, "stopped here");
    return {};
  };
  FaultStore store(make_memory_store(clock, false), plan);
  test::must_put(store, "a", "1");
  CHECK(test::is_absent(store, "b"));
  CHECK(condition_of(store.flush({})) == Condition::cancelled);
  CHECK(seen == std::vector<std::string>{"1 put a", "2 head b", "3 flush "});
}
