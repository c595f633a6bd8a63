// Retention by rules: what they keep beside what every policy keeps.
#include "core/snapshot/retention.h"
#include "tests/support/catch.h"

using namespace b2b;

namespace {

TimePoint const now = parse_iso8601("2026-02-19T14:30:00Z").value();

RetentionItem item(std::string const& id, bool complete = true, bool is_change = false) {
  return {parse_snapshot_id(id).value(), complete, is_change};
}

// '+' and '-' for each item, in order.
std::string kept(std::vector<RetentionItem> const& items, RetentionRules const& rules, std::uint32_t safety = 10) {
  RetentionPolicy const policy{.keep_snapshots = 1, .keep_safety_snapshots = safety, .rules = rules};
  std::string out;
  for (RetentionVerdict const& verdict : apply_retention(items, policy, now)) {
    CHECK_FALSE(verdict.reason.empty());
    out += verdict.keep ? '+' : '-';
  }
  return out;
}

std::string reason_of(std::vector<RetentionItem> const& items, RetentionRules const& rules, std::size_t which) {
  return apply_retention(items, {.rules = rules}, now)[which].reason;
}

}  // namespace

TEST_CASE("rules: all triggers alike, in whatever order they come") {
  std::vector<RetentionItem> const items = {
      item("2026-02-19T13-10-00Z", true, true), item("2026-02-19T13-50-00Z"), item("2026-02-19T14-29-00Z", true, true),
      item("2026-02-18T09-00-00Z", true, true), item("2026-02-18T08-00-00Z"), item("2026-01-10T08-00-00Z", true, true),
      item("2025-12-10T08-00-00Z")};
  CHECK(kept(items, {1, 0, 0, 0}) == "--+----");
  CHECK(kept(items, {1, 2, 0, 0}) == "-++----");
  CHECK(kept(items, {1, 0, 2, 0}) == "--++---");
  CHECK(kept(items, {1, 0, 0, 3}) == "--+--++");
  CHECK(kept(items, {3, 0, 0, 0}) == "+++----");
  CHECK(kept(items, {}) == "+++++++");
}

TEST_CASE("rules: the newest complete one stays, whatever they say") {
  std::vector<RetentionItem> const items = {item("2026-02-18T09-00-00Z"), item("2026-02-19T09-00-00Z"), item("2026-02-19T10-00-00Z", false)};
  CHECK(kept(items, {0, 0, 0, 0}) == "-++");
  CHECK(reason_of(items, {0, 0, 0, 0}, 1) == "the newest complete snapshot");
  CHECK(reason_of(items, {0, 0, 0, 0}, 2) == "the newest snapshot, though incomplete");
  CHECK(reason_of(items, {0, 0, 0, 0}, 0) == "older than the newest 0");
}

TEST_CASE("rules: incomplete ones take no complete one's place, and have the same rules for themselves") {
  std::vector<RetentionItem> const items = {item("2026-02-16T09-00-00Z", false), item("2026-02-17T09-00-00Z"), item("2026-02-17T10-00-00Z", false),
                                            item("2026-02-17T11-00-00Z", false), item("2026-02-18T09-00-00Z"), item("2026-02-18T10-00-00Z", false)};
  CHECK(kept(items, {1, 0, 2, 0}) == "-+-+++");
  CHECK(reason_of(items, {1, 0, 2, 0}, 0) == "incomplete, older than every kept complete one");
  CHECK(reason_of(items, {1, 0, 2, 0}, 1) == "newest of the day 2026-02-17");
  CHECK(reason_of(items, {1, 0, 2, 0}, 2) == "incomplete; the day 2026-02-17 has a newer one");
  CHECK(reason_of(items, {1, 0, 2, 0}, 3) == "incomplete; newest of the day 2026-02-17");
  CHECK(reason_of(items, {1, 0, 2, 0}, 5) == "incomplete; one of the newest 1");
}

TEST_CASE("rules: ids from the future are kept and not counted, safety snapshots are counted apart") {
  CHECK(kept({item("2027-01-01T00-00-00Z"), item("2026-02-19T00-00-00Z"), item("2026-02-18T00-00-00Z")}, {1, 0, 0, 0}) == "++-");
  CHECK(kept({item("safety-2026-02-10T00-00-00Z"), item("safety-2026-02-11T00-00-00Z"), item("safety-2026-02-12T00-00-00Z"),
              item("2026-02-19T00-00-00Z"), item("2026-02-18T00-00-00Z")},
             {1, 0, 0, 0}, 2) == "-+++-");
}

TEST_CASE("rules: a machine that was off for a year keeps what it had") {
  std::vector<RetentionItem> items;
  for (int day = 10; day < 20; ++day) items.push_back(item("2025-01-" + std::to_string(day) + "T00-00-00Z", true, true));
  CHECK(kept(items, {1, 0, 10, 0}) == "++++++++++");
  CHECK(kept(items, {1, 0, 4, 0}) == "------++++");
}
