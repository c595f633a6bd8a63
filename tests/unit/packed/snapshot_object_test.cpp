#include "core/packed/snapshot_object.h"

#include <boost/json/parse.hpp>

#include "core/util/encoding.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

constexpr char name[] = "2026-02-19T12-00-00-000Z-1a2b3c4d";

SnapshotPayload full() {
  SnapshotPayload out;
  out.info.id = parse_snapshot_id(name).value();
  out.info.timestamp = "2026-02-19T12:00:00.000Z";
  out.info.ours = true;
  out.info.complete = false;
  out.info.trigger = Trigger::compaction;
  out.info.trigger_text = "compaction";
  out.info.host = "h\"o\\st\n";
  out.info.instance = "instance";
  out.info.state_dir = "/home/a/.openclaw";
  out.info.roots = {{"@extra", "/srv/extra", "~/extra"}, {"@more", "/srv/more", "/srv/more"}};
  out.info.program = "b2backupd 0.1.0";
  out.info.openclaw = "2026.2.1";
  out.info.scope = boost::json::parse(R"({"include":["a/**"],"exclude":[{"glob":"b","why":{"deep":[1]}}]})");
  out.info.encrypted = true;
  out.info.files = 461;
  out.info.bytes = 62'000'000;
  out.info.skipped = {{"gone", "unreadable"}, {"a\xffz", "name"}};
  out.info.skipped_total = 1002;
  out.list_bytes = 123'456;
  out.entries = 480;
  out.list = {sha256("a"), sha256("b"), sha256("a")};
  return out;
}

std::string changed(std::string const& from, std::string const& to) {
  std::string text = format_snapshot(full());
  std::size_t const at = text.find(from);
  INFO(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a snapshot object says all of a snapshot", "[snapshot_object]") {
  SnapshotPayload const written = full();
  auto const read = parse_snapshot(format_snapshot(written), written.info.id);
  REQUIRE(read);
  SnapshotInfo const &was = written.info, &is = read->info;
  CHECK(is.id.text == was.id.text);
  CHECK(is.id.time == was.id.time);
  CHECK(is.timestamp == was.timestamp);
  CHECK(is.ours);
  CHECK(is.complete == was.complete);
  CHECK(is.trigger == was.trigger);
  CHECK(is.trigger_text == was.trigger_text);
  CHECK(is.host == was.host);
  CHECK(is.instance == was.instance);
  CHECK(is.state_dir == was.state_dir);
  CHECK(is.program == was.program);
  CHECK(is.openclaw == was.openclaw);
  CHECK(is.scope == was.scope);
  CHECK(is.encrypted == was.encrypted);
  CHECK(is.files == was.files);
  CHECK(is.bytes == was.bytes);
  CHECK(is.skipped == was.skipped);
  CHECK(is.skipped_total == was.skipped_total);
  REQUIRE(is.roots.size() == 2);
  CHECK(is.roots[0].label == "@extra");
  CHECK(is.roots[0].path == "/srv/extra");
  CHECK(is.roots[0].written == "~/extra");
  CHECK(read->list_bytes == written.list_bytes);
  CHECK(read->entries == written.entries);
  CHECK(read->list == written.list);
}

TEST_CASE("an empty snapshot and one before a restore are said, too", "[snapshot_object]") {
  SnapshotPayload payload;
  payload.info.id = parse_snapshot_id(std::string("safety-2026-02-19T13-00-00-000Z/") + name).value();
  payload.info.timestamp = "2026-02-19T13:00:00.000Z";
  auto const read = parse_snapshot(format_snapshot(payload), payload.info.id);
  REQUIRE(read);
  CHECK(read->info.id.kind == SnapshotKind::safety);
  CHECK(read->list.empty());
  CHECK(read->info.skipped.empty());
}

TEST_CASE("at most so many skipped files are named", "[snapshot_object]") {
  SnapshotPayload payload = full();
  payload.info.skipped.assign(3000, {"path", "reason"});
  payload.info.skipped_total = 3000;
  auto const read = parse_snapshot(format_snapshot(payload), payload.info.id);
  REQUIRE(read);
  CHECK(read->info.skipped.size() == 1000);
  CHECK(read->info.skipped_total == 3000);
}

TEST_CASE("a snapshot object that makes no sense is refused", "[snapshot_object]") {
  auto const expected = parse_snapshot_id(name).value();
  auto const a = to_hex(sha256("a"));
  std::string upper = a;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::pair<char const*, std::string> const damaged[] = {
      {"nothing", ""},
      {"not an object", "[]"},
      {"cut", format_snapshot(full()).substr(0, 300)},
      {"followed by something", format_snapshot(full()) + "{}"},
      {"no version", changed("\"version\":1", "\"other\":1")},
      {"version 0", changed("\"version\":1", "\"version\":0")},
      {"another id", changed(std::string("\"id\":\"") + name, "\"id\":\"2026-02-19T12-00-00-000Z-00000000")},
      {"another id inside", changed(std::string("\"info\":{\"id\":\"") + name, "\"info\":{\"id\":\"2026-02-19T12-00-00-000Z-00000000")},
      {"no timestamp", changed("\"timestamp\":\"", "\"other\":\"")},
      {"no info", changed("\"info\":", "\"other\":")},
      {"skipped are numbers", changed("\"skipped\":[", "\"skipped\":[1,")},
      {"no list", changed("\"list\":", "\"other\":")},
      {"negative length", changed("\"bytes\":123456", "\"bytes\":-1")},
      {"length in parts", changed("\"bytes\":123456", "\"bytes\":1.5")},
      {"no count", changed("\"entries\":480", "\"other\":480")},
      {"no chunks", changed("\"chunks\":[", "\"other\":[")},
      {"short chunk id", changed(a, a.substr(2))},
      {"upper-case chunk id", changed(a, upper)},
      {"chunk id is a number", changed("\"" + a + "\"", "1")},
  };
  for (auto const& [what, text] : damaged) {
    INFO(what);
    auto const read = parse_snapshot(text, expected);
    REQUIRE_FALSE(read);
    CHECK(read.error().condition == Condition::corrupt);
    CHECK(read.error().message.find(name) != std::string::npos);
  }
  auto const newer = parse_snapshot(changed("\"version\":1", "\"version\":2"), expected);
  REQUIRE_FALSE(newer);
  CHECK(newer.error().condition == Condition::unsupported);
}
