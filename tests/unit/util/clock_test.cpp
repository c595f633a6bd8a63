#include "core/util/clock.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono;

namespace {
TimePoint const noon = TimePoint(sys_days(year(2026) / 2 / 19)) + hours(12);
}

TEST_CASE("times are written in UTC") {
  CHECK(format_iso8601(noon) == "2026-02-19T12:00:00.000Z");
  CHECK(format_iso8601(noon + milliseconds(7) + nanoseconds(999999)) == "2026-02-19T12:00:00.007Z");
  CHECK(format_basic8601(noon + seconds(59)) == "20260219T120059Z");
  CHECK(format_iso8601(TimePoint()) == "1970-01-01T00:00:00.000Z");
}

TEST_CASE("ISO 8601 is read with and without a fraction") {
  CHECK(parse_iso8601("2026-02-19T12:00:00Z") == noon);
  CHECK(parse_iso8601("2026-02-19T12:00:00.5Z") == noon + milliseconds(500));
  CHECK(parse_iso8601("2026-02-19T12:00:00.123456789Z") == noon + nanoseconds(123456789));
  CHECK(parse_iso8601(format_iso8601(noon + milliseconds(42))) == noon + milliseconds(42));
  CHECK(parse_iso8601("2024-02-29T00:00:00Z"));
  for (auto const* bad : {"", "2026-02-19", "2026-02-19T12:00:00", "2026-02-30T12:00:00Z", "2025-02-29T00:00:00Z",
                          "2026-13-01T00:00:00Z", "2026-02-19T24:00:00Z", "2026-02-19T12:60:00Z", "2026-02-19T12:00:61Z",
                          "2026-02-19T12:00:00.Z", "2026-02-19T12:00:00.1234567890Z", "2026-02-19 12:00:00Z",
                          "2026-02-19T12:00:00+01:00", "x026-02-19T12:00:00Z", "9999-01-01T00:00:00Z", "2026-02-19T12:00:00.1xZ"}) {
    INFO(bad);
    CHECK_FALSE(parse_iso8601(bad));
  }
}

TEST_CASE("the date of an HTTP answer is read") {
  CHECK(parse_http_date("Thu, 19 Feb 2026 12:00:00 GMT") == noon);
  for (auto const* bad : {"", "Thu, 19 Feb 2026 12:00:00 UTC", "Thursday, 19-Feb-26 12:00:00 GMT", "Thu Feb 19 12:00:00 2026",
                          "Thu, 19 Fxb 2026 12:00:00 GMT", "Thu, 19 ebM 2026 12:00:00 GMT", "Thu, 31 Feb 2026 12:00:00 GMT"}) {
    INFO(bad);
    CHECK_FALSE(parse_http_date(bad));
  }
}

TEST_CASE("a manual clock moves only when told") {
  ManualClock clock(noon);
  CHECK(clock.now() == noon);
  auto const start = clock.monotonic();
  clock.advance(seconds(5));
  CHECK(clock.now() == noon + seconds(5));
  CHECK(clock.monotonic() == start + seconds(5));
  clock.set_wall(noon - hours(1));
  CHECK(clock.now() == noon - hours(1));
  CHECK(clock.monotonic() == start + seconds(5));
}

TEST_CASE("the system's clocks run forward") {
  auto const before = b2b::system_clock().monotonic();
  CHECK(b2b::system_clock().monotonic() >= before);
  CHECK(b2b::system_clock().now() > noon - hours(24 * 3650));
}
