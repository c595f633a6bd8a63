#include "core/store/s3/retry.h"

#include <thread>

#include "core/store/s3/bandwidth.h"
#include "core/util/wait.h"
#include "tests/support/catch.h"

namespace b2b::s3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

RetrySettings const settings{5, milliseconds(1000), milliseconds(2000), seconds(100)};

}  // namespace

TEST_CASE("the backoff grows by half up to its bound, with jitter") {
  RetryState most(settings);
  CHECK(most.failed(true, seconds(0), {}, 1.0) == milliseconds(1000));
  CHECK(most.failed(true, seconds(1), {}, 1.0) == milliseconds(1500));
  CHECK(most.failed(true, seconds(2), {}, 0.0) == milliseconds(1000));
  CHECK(most.failed(true, seconds(3), {}, 1.0) == milliseconds(2000));
  CHECK_FALSE(most.failed(true, seconds(4), {}, 1.0));
  CHECK(most.attempts() == 5);
}

TEST_CASE("what is not retryable is given up at once") {
  RetryState state(settings);
  CHECK_FALSE(state.failed(false, seconds(0), {}, 0.5));
}

TEST_CASE("Retry-After is a lower bound, and given up when it is too long") {
  RetryState state(settings);
  CHECK(state.failed(true, seconds(0), seconds(30), 0.5) == seconds(30));
  CHECK(state.failed(true, seconds(30), milliseconds(1), 1.0) == milliseconds(1500));
  CHECK_FALSE(state.failed(true, seconds(40), seconds(61), 0.5));
}

TEST_CASE("the total time counts from the first failure") {
  RetryState state(settings);
  CHECK(state.failed(true, seconds(1000), {}, 1.0));
  CHECK(state.failed(true, seconds(1098), {}, 1.0));
  CHECK_FALSE(state.failed(true, seconds(1099), {}, 1.0));
}

TEST_CASE("Retry-After values") {
  TimePoint const now = parse_iso8601("2026-02-19T12:00:00Z").value();
  CHECK(parse_retry_after("7", now) == seconds(7));
  CHECK(parse_retry_after("Thu, 19 Feb 2026 12:00:05 GMT", now) == seconds(5));
  CHECK(parse_retry_after("Thu, 19 Feb 2026 11:00:00 GMT", now) == seconds(0));
  CHECK_FALSE(parse_retry_after("soon", now));
  CHECK_FALSE(parse_retry_after("-1", now));
  CHECK_FALSE(parse_retry_after("", now));
}

TEST_CASE("a wait ends when a stop is requested") {
  std::stop_source source;
  CHECK(wait_unless_stopped(milliseconds(1), source.get_token()));
  std::jthread stopper([&] { source.request_stop(); });
  CHECK_FALSE(wait_unless_stopped(seconds(600), source.get_token()));
}

TEST_CASE("the token bucket keeps to its rate and allows a short burst") {
  TokenBucket bucket(1000);
  CHECK(bucket.book(250, seconds(10)) == nanoseconds(0));
  CHECK(bucket.book(1000, seconds(10)) == seconds(1));
  CHECK(bucket.book(500, seconds(10)) == milliseconds(1500));
  CHECK(bucket.book(0, seconds(12)) == nanoseconds(0));
  CHECK(bucket.book(1250, seconds(100)) == seconds(1));
}

TEST_CASE("slices are small for slow limits and never empty") {
  ManualClock clock(TimePoint{});
  CHECK(Bandwidth(0, clock).slice(65536) == 65536);
  CHECK(Bandwidth(64'000, clock).slice(65536) == 2000);
  CHECK(Bandwidth(100, clock).slice(65536) == 1024);
  CHECK(Bandwidth(100, clock).slice(10) == 10);
  CHECK(Bandwidth(1'000'000'000, clock).slice(65536) == 65536);
}

}  // namespace b2b::s3
