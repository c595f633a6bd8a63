#include <catch2/catch.hpp>

#include "core/store/memory_store.h"
#include "tests/unit/store/conformance.h"
#include "tests/unit/store/conformance_support.h"

using namespace b2b;

namespace {
TimePoint const start = *parse_iso8601("2026-02-19T12:00:00Z");
}

TEST_CASE("memory store: conformance without versions") {
  ManualClock clock(start);
  test::ConformanceOptions options;
  options.clock = &clock;
  test::run_conformance([&] { return make_memory_store(clock, false); }, options);
}

TEST_CASE("memory store: conformance with versions") {
  ManualClock clock(start);
  test::ConformanceOptions options;
  options.clock = &clock;
  options.hide = hide_in_memory_store;
  test::run_conformance([&] { return make_memory_store(clock, true); }, options);
}

TEST_CASE("memory store: times come from the clock") {
  ManualClock clock(start);
  auto const store = make_memory_store(clock, true);
  test::must_put(*store, "a", "1");
  clock.advance(std::chrono::hours(1));
  test::must_put(*store, "a", "2");
  auto const versions = test::versions_under(*store, "a");
  REQUIRE(versions.size() == 2);
  CHECK(versions[0].modified == start + std::chrono::hours(1));
  CHECK(versions[1].modified == start);
  CHECK(*store->now({}) == start + std::chrono::hours(1));
}
