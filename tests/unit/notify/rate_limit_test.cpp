#include "core/notify/rate_limit.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

TimePoint const start = *parse_iso8601("2026-02-19T12:00:00.250Z");

// One history with an interval of 6 hours.
struct History {
  NotifyState state;
  TimePoint now = start;

  NotifyDecision happens(NotifyKind kind, std::string_view failure = {}) {
    // Each decision is made from the state as it was stored and read again.
    NotifyState restored = notify_state_from(to_text(state));
    CHECK(restored == state);
    auto const decision = decide(restored, kind, failure, now, 6h);
    state = restored;
    return decision;
  }
  bool fails(std::string_view failure) { return happens(NotifyKind::failure, failure).tell; }
  bool stale() { return happens(NotifyKind::stale).tell; }
  // Was it told as a recovery? It is told in any case.
  bool succeeds() {
    auto const decision = happens(NotifyKind::success);
    CHECK(decision.tell);
    return decision.recovery;
  }
};

}  // namespace

TEST_CASE("rate limit: the same failure once per interval, another one at once") {
  History history;
  CHECK(history.fails("a"));
  CHECK_FALSE(history.fails("a"));
  CHECK(history.fails("b"));
  CHECK_FALSE(history.fails("a"));
  CHECK_FALSE(history.fails("b"));
  history.now += 6h - 1ms;
  CHECK_FALSE(history.fails("a"));
  history.now += 1ms;
  CHECK(history.fails("a"));
  CHECK_FALSE(history.fails("a"));
}

TEST_CASE("rate limit: a recovery is told once") {
  History history;
  CHECK_FALSE(history.succeeds());
  history.fails("a");
  history.fails("a");
  CHECK(history.succeeds());
  CHECK_FALSE(history.succeeds());
  // Also when the failure was told longer ago than the interval.
  history.now += 24h;
  history.fails("a");
  history.now += 24h;
  CHECK(history.succeeds());
}

TEST_CASE("rate limit: a store that flickers, and one that stays away") {
  History history;
  CHECK(history.fails("a"));
  CHECK(history.succeeds());
  for (int flicker = 0; flicker < 3; ++flicker) {
    CHECK_FALSE(history.fails("a"));
    CHECK_FALSE(history.succeeds());  // the failure was not told, so there is nothing to take back
  }
  CHECK_FALSE(history.fails("a"));
  CHECK(history.fails("a"));  // twice in a row
  CHECK_FALSE(history.fails("a"));
  CHECK(history.succeeds());
}

TEST_CASE("rate limit: stale is a condition of its own") {
  History history;
  CHECK(history.stale());
  CHECK_FALSE(history.stale());
  CHECK(history.fails("a"));
  history.now += 6h;
  CHECK(history.stale());
  CHECK(history.succeeds());
}

TEST_CASE("rate limit: a clock that was set back does not silence anything") {
  History history;
  CHECK(history.fails("a"));
  history.now -= 24h * 365;
  CHECK(history.fails("a"));
  CHECK_FALSE(history.fails("a"));
}

TEST_CASE("rate limit: an interval of zero tells all; many failures stay bounded") {
  NotifyState state;
  CHECK(decide(state, NotifyKind::failure, "a", start, 0s).tell);
  CHECK(decide(state, NotifyKind::failure, "a", start, 0s).tell);
  History history;
  for (int i = 0; i < 100; ++i)
    CHECK(history.fails("failure " + std::string(static_cast<std::size_t>(i), 'x')));
  CHECK(history.state.told.size() == told_failures_max);
}

TEST_CASE("rate limit: which failures are the same") {
  auto const key = [](Condition condition, std::string message) {
    return failure_key(make_error(condition, std::move(message)));
  };
  CHECK(key(Condition::unreachable, "cannot connect to 10.0.0.1") ==
        key(Condition::unreachable, "cannot connect to 10.22.0.7"));
  CHECK(key(Condition::unreachable, "x") != key(Condition::permission, "x"));
  CHECK(key(Condition::unreachable, "x") != key(Condition::unreachable, "y"));
  // Long and strange texts still make a state that can be read again.
  std::string const long_key = key(Condition::io, "\xff\n" + std::string(395, 'x') + "\xe2\x82\xac and more");
  CHECK(long_key.size() <= 400);
  NotifyState state;
  CHECK(decide(state, NotifyKind::failure, long_key, start, 1h).tell);
  CHECK(notify_state_from(to_text(state)) == state);
  CHECK(key(Condition::io, std::string(380, 'x') + "\xe2\x82\xac" + std::string(30, 'y')).size() <= 400);
}

TEST_CASE("rate limit: text that is no state") {
  NotifyState state;
  CHECK(decide(state, NotifyKind::failure, "a", start, 1h).tell);
  std::string const good = to_text(state);
  CHECK(notify_state_from(good) == state);
  CHECK(
      good ==
      R"({"version":1,"failing":true,"told":[{"what":"a","at":"2026-02-19T12:00:00.250Z","recovered":false,"again":false}]})");
  for (std::string const& text :
       {std::string(), std::string("x"), std::string("[]"),
        std::string(R"({"version":2,"failing":true,"told":[]})"),
        std::string(R"({"version":1,"failing":true})"),
        std::string(R"({"version":1,"failing":true,"told":[1]})"),
        std::string(R"({"version":1,"failing":true,"told":[{"what":"a","at":"yesterday"}]})"), good.substr(1),
        std::string(100'000, ' ') + good}) {
    INFO(text.substr(0, 80));
    CHECK(notify_state_from(text) == NotifyState{});
  }
}
