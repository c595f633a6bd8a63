#include "core/snapshot/id.h"

#include <algorithm>
#include <vector>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

TimePoint at(std::string_view iso) {
  return parse_iso8601(iso).value();
}

struct Accepted {
  char const* text;
  SnapshotKind kind;
  char const* time;
};

}  // namespace

TEST_CASE("every known form of an id is understood") {
  auto const accepted = GENERATE(values<Accepted>({
      {"2026-02-19T00-00-00Z", SnapshotKind::regular, "2026-02-19T00:00:00Z"},
      {"2026-02-19T00-00-00-000Z", SnapshotKind::regular, "2026-02-19T00:00:00Z"},
      {"2026-02-19T12-34-56-789Z", SnapshotKind::regular, "2026-02-19T12:34:56.789Z"},
      {"2026-02-19T12-00-00-000Z-1a2b3c4d", SnapshotKind::regular, "2026-02-19T12:00:00Z"},
      {"2026-02-19T12-00-00Z-1a2b3c4d", SnapshotKind::regular, "2026-02-19T12:00:00Z"},
      {"2024-02-29T23-59-59-999Z", SnapshotKind::regular, "2024-02-29T23:59:59.999Z"},
      {"safety-2026-02-19T00-00-00Z", SnapshotKind::safety, "2026-02-19T00:00:00Z"},
      {"safety-2026-02-19T00-00-00-123Z", SnapshotKind::safety, "2026-02-19T00:00:00.123Z"},
      {"safety-1771502400123", SnapshotKind::safety, "2026-02-19T12:00:00.123Z"},
      {"safety-1771502400", SnapshotKind::safety, "2026-02-19T12:00:00Z"},
      {"safety-2026-02-19T00-00-00-000Z/2026-02-19T00-00-01-000Z-1a2b3c4d", SnapshotKind::safety,
       "2026-02-19T00:00:01Z"},
      {"safety-1771502400123/2026-02-19T12-00-00-500Z", SnapshotKind::safety, "2026-02-19T12:00:00.500Z"},
      {"safety-before-restore/2026-02-19T12-00-00Z", SnapshotKind::safety, "2026-02-19T12:00:00Z"},
  }));
  CAPTURE(accepted.text);
  auto const id = parse_snapshot_id(accepted.text);
  REQUIRE(id.has_value());
  CHECK(id->kind == accepted.kind);
  CHECK(id->text == accepted.text);
  CHECK(id->time == at(accepted.time));
}

TEST_CASE("anything else is no id") {
  auto const text = GENERATE(
      as<std::string>(), "", "repo", "manifest.json", "2026", "2026-02-19", "2026-02-19T00:00:00Z",
      "2026-02-19T00-00-00", "2026-02-19T00-00-00.000Z", "2026-02-19T00-00-00-00Z",
      "2026-02-19T00-00-00-0000Z", "2026-02-19T00-00-00-000Z-", "2026-02-19T00-00-00-000Z-1a2b3c4",
      "2026-02-19T00-00-00-000Z-1a2b3c4dd", "2026-02-19T00-00-00-000Z-1a2b3c4g",
      "2026-02-19T00-00-00-000Z_1a2b3c4d", "2026-02-30T00-00-00Z", "2026-13-01T00-00-00Z",
      "2026-02-19T24-00-00Z", "2026-02-19T23-60-00Z", "2026-02-19T23-59-60Z", "2026-02-19t00-00-00z",
      "2026-02-19T00-00-00Z/", "/2026-02-19T00-00-00Z", " 2026-02-19T00-00-00Z", "2026-02-19T00-00-00Z ",
      "1969-12-31T23-59-59Z", "9999-01-01T00-00-00Z", "safety-", "safety", "safety-x", "safety-12",
      "safety-9999999999999", "safety-177150240012a", "safety-/2026-02-19T00-00-00Z",
      "safety-2026-02-19T00-00-00Z/", "safety-2026-02-19T00-00-00Z/x", "safety-a/b/2026-02-19T00-00-00Z",
      "safety-a/2026-02-19T00-00-00Z/b", "Safety-2026-02-19T00-00-00Z", "safety-a b/2026-02-19T00-00-00Z",
      "2026-02-19T00-00-00Z/2026-02-19T00-00-00Z");
  CAPTURE(text);
  CHECK_FALSE(parse_snapshot_id(text).has_value());
}

TEST_CASE("a byte of NUL or high bit anywhere is no id") {
  std::string const good = "safety-2026-02-19T00-00-00-000Z/2026-02-19T00-00-01-000Z-1a2b3c4d";
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (char const c : {'\0', '\x80', '\xff', ' '}) {
      std::string bad = good;
      bad[i] = c;
      CAPTURE(i, static_cast<int>(c));
      CHECK_FALSE(parse_snapshot_id(bad).has_value());
    }
  }
}

TEST_CASE("what we write is understood and keeps milliseconds") {
  auto const time = at("2026-02-19T12:00:00.123456789Z");
  auto const regular = make_snapshot_id(SnapshotKind::regular, time, 0x1a2b3c4d);
  CHECK(regular.text == "2026-02-19T12-00-00-123Z-1a2b3c4d");
  CHECK(regular.time == at("2026-02-19T12:00:00.123Z"));
  auto const safety = make_snapshot_id(SnapshotKind::safety, time, 7);
  CHECK(safety.text == "safety-2026-02-19T12-00-00-123Z/2026-02-19T12-00-00-123Z-00000007");
  for (auto const& made : {regular, safety}) {
    auto const parsed = parse_snapshot_id(made.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->kind == made.kind);
    CHECK(parsed->time == made.time);
  }
  CHECK(make_snapshot_id(SnapshotKind::regular, at("1970-01-01T00:00:00Z") - std::chrono::hours(5), 0).text ==
        "1970-01-01T00-00-00-000Z-00000000");
}

TEST_CASE("ids sort by their time as text, whatever their kind") {
  std::vector<std::string> const sorted = {
      "2026-02-18T23-59-59-999Z-ffffffff",
      "2026-02-19T00-00-00-000Z",
      "2026-02-19T00-00-00-000Z-00000000",
      "2026-02-19T00-00-00-001Z",
      "2026-02-19T00-00-00Z",  // as text, behind the forms with milliseconds, as every reader of the layout
                               // sorts it
      "2026-02-19T00-00-01Z",
      "safety-2026-02-19T00-00-00Z/2026-02-19T00-00-02-000Z-00000001",
      "safety-2026-02-19T00-00-03-000Z",
      "safety-1771502400123",
      "2026-02-19T12-00-00-124Z",
  };
  std::vector<SnapshotId> ids;
  for (auto const& text : sorted)
    ids.push_back(parse_snapshot_id(text).value());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (std::size_t j = 0; j < ids.size(); ++j) {
      CAPTURE(ids[i].text, ids[j].text);
      CHECK(id_before(ids[i], ids[j]) == (i < j));
    }
  }
}

TEST_CASE("kinds have names") {
  CHECK(kind_name(SnapshotKind::regular) == "regular");
  CHECK(kind_name(SnapshotKind::safety) == "safety");
}
