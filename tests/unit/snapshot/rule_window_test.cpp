#include "core/snapshot/rule_window.h"

#include "tests/support/catch.h"

using namespace b2b;

namespace {

// The reasons of snapshots at these times (newest first), '+' in front of those that are kept.
std::vector<std::string> judged(RetentionRules const& rules, std::vector<std::string> const& times) {
  RuleWindow window(rules);
  std::vector<std::string> out;
  for (std::string const& time : times) {
    auto const judgement = window.next(parse_iso8601(time).value());
    out.push_back((judgement.keep ? "+" : "-") + judgement.reason);
  }
  return out;
}

}  // namespace

TEST_CASE("rule window: each rule, in the order in which they are asked") {
  CHECK(judged({1, 2, 2, 2}, {"2026-02-19T14:30:00Z", "2026-02-19T14:10:00Z", "2026-02-19T13:59:59Z", "2026-02-19T12:00:00Z",
                              "2026-02-18T23:59:59Z", "2026-02-17T10:00:00Z", "2026-01-31T23:59:59Z", "2026-01-31T10:00:00Z",
                              "2025-12-31T10:00:00Z"}) ==
        std::vector<std::string>{"+one of the newest 1", "-the hour 2026-02-19 14:00 has a newer one", "+newest of the hour 2026-02-19 13:00",
                                 "-the day 2026-02-19 has a newer one", "+newest of the day 2026-02-18",
                                 "-the month 2026-02 has a newer one", "+newest of the month 2026-01", "-the month 2026-01 has a newer one",
                                 "-older than the newest 1 and the last 2 hours, 2 days, 2 months with a snapshot"});
}

TEST_CASE("rule window: what has no snapshot does not count") {
  // Years apart: three days with a snapshot are the last three days.
  CHECK(judged({1, 0, 3, 0}, {"2026-02-19T14:30:00Z", "2024-02-19T14:10:00Z", "2020-02-19T14:10:00Z", "2019-02-19T14:10:00Z"}) ==
        std::vector<std::string>{"+one of the newest 1", "+newest of the day 2024-02-19", "+newest of the day 2020-02-19",
                                 "-older than the newest 1 and the last 3 days with a snapshot"});
}

TEST_CASE("rule window: rules of 0 keep nothing and are not spoken of") {
  CHECK(judged({2, 0, 0, 0}, {"2026-02-19T14:30:00Z", "2026-02-18T14:30:00Z", "2026-02-17T14:30:00Z"}) ==
        std::vector<std::string>{"+one of the newest 2", "+one of the newest 2", "-older than the newest 2"});
  CHECK(judged({0, 1, 0, 1}, {"2026-02-19T14:30:00Z", "2026-02-18T14:30:00Z", "2026-01-17T14:30:00Z"}) ==
        std::vector<std::string>{"+newest of the hour 2026-02-19 14:00", "-the month 2026-02 has a newer one",
                                 "-older than the newest 0 and the last 1 hour, 1 month with a snapshot"});
}
