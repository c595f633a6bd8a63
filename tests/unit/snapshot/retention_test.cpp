#include "core/snapshot/retention.h"

#include "tests/support/catch.h"

using namespace b2b;

namespace {

TimePoint const now = parse_iso8601("2026-02-19T14:30:00Z").value();

RetentionItem item(std::string const& id, bool complete = true, bool is_change = false) {
  return {parse_snapshot_id(id).value(), complete, is_change};
}
RetentionItem change(std::string const& id) {
  return item(id, true, true);
}

// '+' and '-' for each item, in order.
std::string kept(std::vector<RetentionItem> const& items, RetentionPolicy const& policy = {}) {
  auto const verdicts = apply_retention(items, policy, now);
  REQUIRE(verdicts.size() == items.size());
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(verdicts[i].id.text == items[i].id.text);
    CHECK_FALSE(verdicts[i].reason.empty());
    out += verdicts[i].keep ? '+' : '-';
  }
  return out;
}

}  // namespace

TEST_CASE("nothing to keep") {
  CHECK(kept({}).empty());
}

TEST_CASE("the newest are kept, whatever order they come in") {
  std::vector<RetentionItem> const items = {item("2026-02-10T00-00-00Z"),
                                            item("2026-02-13T00-00-00-000Z-aaaaaaaa"),
                                            item("2026-02-11T00-00-00-000Z"), item("2026-02-12T00-00-00Z")};
  CHECK(kept(items, {.keep_snapshots = 2}) == "-+-+");
  CHECK(kept(items, {.keep_snapshots = 1}) == "-+--");
  CHECK(kept(items, {.keep_snapshots = 10}) == "++++");
}

TEST_CASE("keeping none still keeps the newest complete one") {
  CHECK(kept({item("2026-02-10T00-00-00Z"), item("2026-02-11T00-00-00Z")}, {.keep_snapshots = 0}) == "-+");
  CHECK(kept({item("2026-02-10T00-00-00Z"), item("2026-02-11T00-00-00Z", false)}, {.keep_snapshots = 0}) ==
        "++");
}

TEST_CASE("incomplete ones are not counted and go with their neighbours") {
  std::vector<RetentionItem> const items = {item("2026-02-10T00-00-00Z", false), item("2026-02-11T00-00-00Z"),
                                            item("2026-02-12T00-00-00Z", false), item("2026-02-13T00-00-00Z"),
                                            item("2026-02-14T00-00-00Z", false)};
  CHECK(kept(items, {.keep_snapshots = 2}) == "-++++");
  CHECK(kept(items, {.keep_snapshots = 1}) == "---++");
}

TEST_CASE("incomplete ones have a bound of their own") {
  // A file that can never be read: none was ever complete.
  std::vector<RetentionItem> items;
  for (int day = 10; day < 19; ++day)
    items.push_back(item("2026-02-" + std::to_string(day) + "T00-00-00Z", false));
  CHECK(kept(items, {.keep_snapshots = 3}) == "------+++");
  CHECK(kept(items, {.keep_snapshots = 0}) == "--------+");
  // It could be read once: that snapshot stays, however many follow.
  items[2].complete = true;
  CHECK(kept(items, {.keep_snapshots = 3}) == "--+---+++");
  items[7].complete = true;
  CHECK(kept(items, {.keep_snapshots = 3}) == "--+--++++");
  CHECK(kept(items, {.keep_snapshots = 1}) == "-------++");
}

TEST_CASE("incomplete changes are thinned like complete ones, apart from them") {
  auto const incomplete = [](std::string const& id) { return item(id, false, true); };
  CHECK(kept({incomplete("2026-01-10T12-00-00Z"), incomplete("2026-02-10T12-00-00Z"),
              incomplete("2026-02-10T13-00-00Z"), incomplete("2026-02-19T12-40-00Z"),
              change("2026-02-19T12-45-00Z"), incomplete("2026-02-19T12-50-00Z"),
              incomplete("2026-02-19T14-00-00Z"), incomplete("2026-02-19T14-10-00Z")},
             {.keep_snapshots = 1}) == "----++++");
  CHECK(kept({incomplete("2026-01-10T12-00-00Z"), incomplete("2026-02-10T12-00-00Z"),
              incomplete("2026-02-10T13-00-00Z"), incomplete("2026-02-19T12-40-00Z"),
              incomplete("2026-02-19T12-50-00Z"), incomplete("2026-02-19T14-00-00Z")},
             {.keep_snapshots = 1}) == "--+-++");
  CHECK(kept({incomplete("2025-01-10T12-00-00Z"), incomplete("2025-01-11T12-00-00Z")}) ==
        "-+");  // the newest of all
}

TEST_CASE("changes: all of an hour, one an hour for a day, one a day for a month") {
  CHECK(kept({
            item("2026-02-19T14-29-00Z"),    // the newest complete; not a change
            change("2026-02-19T14-20-00Z"),  // within the hour
            change("2026-02-19T13-40-00Z"),  // within the hour
            change("2026-02-19T13-30-00Z"),  // exactly an hour old
            change("2026-02-19T13-29-59Z"),  // 13:00 has newer ones
            change("2026-02-19T12-50-00Z"),  // the newest of 12:00
            change("2026-02-19T12-10-00Z"),
            change("2026-02-18T14-30-00Z"),  // exactly a day old, the newest of its hour
            change("2026-02-18T14-29-59Z"),  // over a day, not the newest of its day
            change("2026-02-17T23-00-00Z"),  // the newest of its day
            change("2026-02-17T22-59-59Z"),
            change("2026-01-20T14-30-00Z"),  // exactly 30 days
            change("2026-01-19T23-00-00Z"),  // over 30 days
        }) == "++++-+-+-+-+-");
}

TEST_CASE("changes do not use up the count, and the newest complete may be one") {
  CHECK(kept({item("2026-02-17T00-00-00Z"), change("2026-02-18T23-00-00Z"), item("2026-02-19T00-00-00Z"),
              change("2026-02-19T14-00-00Z")},
             {.keep_snapshots = 2}) == "++++");
  CHECK(kept({change("2025-02-18T23-00-00Z"), change("2025-02-19T14-00-00Z")}) == "-+");
  CHECK(kept({item("2024-02-17T00-00-00Z"), change("2025-02-19T14-00-00Z")}, {.keep_snapshots = 0}) == "-+");
}

TEST_CASE("ids from the future are kept and not counted") {
  CHECK(kept({item("2026-02-18T00-00-00Z"), item("2026-02-19T00-00-00Z"), item("2027-01-01T00-00-00Z")},
             {.keep_snapshots = 1}) == "-++");
  CHECK(kept({item("2026-02-20T14-30-00Z"), item("2026-02-19T00-00-00Z")}, {.keep_snapshots = 1}) ==
        "+-");  // 24 h ahead: counted
  CHECK(kept({item("2026-02-20T14-30-01Z"), item("2026-02-19T00-00-00Z")}, {.keep_snapshots = 1}) == "++");
  CHECK(kept({item("2027-01-01T00-00-00Z", false)}) == "+");
}

TEST_CASE("safety snapshots are counted apart, the newest always stays") {
  std::vector<RetentionItem> const items = {
      item("safety-2026-02-10T00-00-00Z"), item("safety-1771502400123"),
      item("safety-2026-02-11T00-00-00-000Z/2026-02-11T00-00-00-000Z-00000001"),
      item("2026-02-01T00-00-00Z")};
  CHECK(kept(items, {.keep_snapshots = 1, .keep_safety_snapshots = 0}) == "-+-+");
  CHECK(kept(items, {.keep_snapshots = 1, .keep_safety_snapshots = 2}) == "-+++");
  CHECK(kept({item("safety-2026-02-10T00-00-00Z"), item("safety-2026-02-11T00-00-00Z", false)},
             {.keep_safety_snapshots = 0}) == "++");
  CHECK(kept({item("safety-2026-02-10T00-00-00Z", false), item("safety-2026-02-11T00-00-00Z", false),
              item("safety-2026-02-12T00-00-00Z", false)},
             {.keep_snapshots = 9, .keep_safety_snapshots = 2}) == "-++");
}

TEST_CASE("reasons say what keeps a snapshot") {
  auto const verdicts = apply_retention(
      {item("2026-02-18T00-00-00Z"), item("2026-02-17T00-00-00Z"), item("2026-02-16T00-00-00Z"),
       change("2026-02-19T12-50-00Z"), change("2026-02-19T12-40-00Z")},
      {.keep_snapshots = 2}, now);
  CHECK(verdicts[0].reason == "one of the newest 2");
  CHECK(verdicts[1].reason == "one of the newest 2");
  CHECK(verdicts[2].reason == "older than the newest 2");
  CHECK(verdicts[3].reason == "the newest complete snapshot");
  CHECK(verdicts[4].reason == "hourly, 2026-02-19 12:00 has a newer one");

  auto const incomplete = apply_retention(
      {item("2026-02-18T00-00-00Z", false), item("2026-02-17T00-00-00Z", false), item("2026-02-16T00-00-00Z"),
       item("2026-02-15T00-00-00Z", false), item("2026-02-19T13-00-00Z", false, true),
       item("2026-02-19T12-50-00Z", false, true), item("2026-02-19T12-40-00Z", false, true)},
      {.keep_snapshots = 1}, now);
  CHECK(incomplete[0].reason == "incomplete, one of the newest 1 of those");
  CHECK(incomplete[1].reason == "incomplete, older than the newest 1 of those");
  CHECK(incomplete[2].reason == "the newest complete snapshot");
  CHECK(incomplete[3].reason == "incomplete, older than every kept complete one");
  CHECK(incomplete[5].reason == "incomplete; hourly, the newest of 2026-02-19 12:00");
  CHECK(incomplete[6].reason == "incomplete; hourly, 2026-02-19 12:00 has a newer one");
  CHECK(apply_retention({item("2025-02-18T00-00-00Z", false, true)}, {}, now)[0].reason ==
        "the newest snapshot, though incomplete");
}
