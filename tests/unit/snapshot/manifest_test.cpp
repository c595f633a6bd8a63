#include "core/snapshot/manifest.h"

#include <boost/json/serialize.hpp>

#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

void check_same(Entry const& a, Entry const& b) {
  CAPTURE(a.path);
  CHECK(a.path == b.path);
  CHECK(a.type == b.type);
  CHECK(a.size == b.size);
  CHECK(a.hash == b.hash);
  CHECK(a.mode == b.mode);
  CHECK(a.uid == b.uid);
  CHECK(a.gid == b.gid);
  CHECK(a.mtime_ns == b.mtime_ns);
  CHECK(a.target == b.target);
  CHECK(a.hard_link_of == b.hard_link_of);
  CHECK(a.xattrs == b.xattrs);
  CHECK(a.has_metadata == b.has_metadata);
  CHECK(a.database == b.database);
  CHECK(a.damaged == b.damaged);
  CHECK(a.cut == b.cut);
}

TestManifest full_manifest() {
  TestManifest out;
  SnapshotInfo& info = out.info;
  info.id = test_id();
  info.timestamp = "2026-02-19T12:00:00.000Z";
  info.complete = false;
  info.trigger = Trigger::gateway_stop;
  info.host = "b\xC3\xBCro \"1\"";
  info.instance = "0123abcd";
  info.state_dir = "/home/caf\xE9/.openclaw";
  info.program = "b2backupd 0.1.0";
  info.openclaw = "2026.9.6";
  out.info.roots = {{"@workspace", "/srv/w\xff", "~/w"}};
  info.scope = boost::json::parse(
      R"({"version":1,"include":["a/**","*.md"],"exclude":["\u00e9"],"nested":{"x":[1,-2,3.5,null,true]}})");
  info.encrypted = true;
  info.skipped = {{"a\nb", "vanished"}, {"caf\xE9", "permission denied"}};
  info.skipped_total = 12345;

  Entry everything = file_entry("b/caf\xE9.sqlite", "db");
  everything.mode = 07777;
  everything.uid = 0xFFFFFFFF;
  everything.gid = 0xFFFFFFFE;
  everything.mtime_ns = std::numeric_limits<std::int64_t>::min();
  everything.hard_link_of = "a";
  everything.xattrs = {{"user.text", "v"},
                       {"user.empty", ""},
                       {"user.binary", std::string("\0\xFF\n", 3)},
                       {"user.\xE9", "x"}};
  everything.database = everything.damaged = everything.cut = true;
  Entry plain = file_entry("z", "");
  plain.has_metadata = false;
  plain.mode = plain.uid = plain.gid = 0;
  plain.mtime_ns = 0;
  Entry huge = file_entry("huge");
  huge.size = std::uint64_t{1} << 53;
  huge.mtime_ns = std::numeric_limits<std::int64_t>::max();
  out.files = {file_entry("a", "a"),
               everything,
               huge,
               file_entry("manifest.json"),
               file_entry("quote\"back\\slash\x7F"),
               plain};

  Entry directory = other_entry(EntryType::directory, "b");
  directory.mode = 01777;
  directory.xattrs = {{"user.d", "1"}};
  out.others = {directory, other_entry(EntryType::symlink, "l1", "../outside/\xFF"),
                other_entry(EntryType::symlink, "l2", ""), other_entry(EntryType::directory, "new\nline")};
  return out;
}

}  // namespace

TEST_CASE("every field comes back as it was written") {
  Scratch scratch;
  auto const manifest = full_manifest();
  bool const with_key = GENERATE(true, false);
  Keyring keyring = keyring_of(with_key ? std::vector<std::string>{"pass"} : std::vector<std::string>{});
  auto const result = read(write(manifest, with_key ? "pass" : ""), keyring, scratch / "m");
  INFO((result ? "" : result.error().text()));
  REQUIRE(result.has_value());
  CHECK(result->read.signature == (with_key ? Signature::valid : Signature::unkeyed));

  SnapshotInfo const& info = result->read.info;
  CHECK(info.ours);
  CHECK(info.id.text == test_id().text);
  CHECK(info.id.time == test_id().time);
  CHECK(info.timestamp == manifest.info.timestamp);
  CHECK_FALSE(info.complete);
  CHECK(info.trigger == Trigger::gateway_stop);
  CHECK(info.trigger_text == "gateway-stop");
  CHECK(info.host == manifest.info.host);
  CHECK(info.instance == manifest.info.instance);
  CHECK(info.state_dir == manifest.info.state_dir);
  CHECK(info.program == manifest.info.program);
  CHECK(info.openclaw == manifest.info.openclaw);
  REQUIRE(info.roots.size() == 1);
  CHECK(info.roots[0].label == manifest.info.roots[0].label);
  CHECK(info.roots[0].path == manifest.info.roots[0].path);
  CHECK(info.roots[0].written == manifest.info.roots[0].written);
  CHECK(info.scope == manifest.info.scope);
  CHECK(info.encrypted);
  CHECK(info.key_salt_hex == (with_key ? to_hex(test_salt()) : ""));
  CHECK(info.files == manifest.files.size());
  CHECK(info.skipped == manifest.info.skipped);
  CHECK(info.skipped_total == 12345);

  REQUIRE(result->entries.size() == manifest.files.size() + manifest.others.size());
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    check_same(result->entries[i].entry, manifest.files[i]);
    CHECK(result->entries[i].stored_name == layout::stored_name(manifest.files[i].path, test_key_room));
  }
  for (std::size_t i = 0; i < manifest.others.size(); ++i)
    check_same(result->entries[manifest.files.size() + i].entry, manifest.others[i]);
}

TEST_CASE("the plugin finds what it reads, and JSON of any reader is fine with the rest") {
  auto const text = write(full_manifest(), "pass");
  auto const value = boost::json::parse(text);
  auto const& root = value.as_object();
  CHECK(root.at("version").as_int64() == 1);
  CHECK(root.at("timestamp").as_string() == "2026-02-19T12:00:00.000Z");
  auto const& files = root.at("files").as_object();
  CHECK(files.size() == 6);
  CHECK(files.at("a").as_object().at("hash").as_string() == to_hex(sha256("a")));
  CHECK(files.at("a").as_object().at("size").as_int64() == 1);
  CHECK(files.at("a").as_object().at("mtime").as_string() == "1771502400123456789");
  auto const escaped = layout::escaped_name("manifest.json");
  CHECK(files.at(escaped).as_object().at("path").as_string() == "manifest.json");
  auto const latin = layout::escaped_name("b/caf\xE9.sqlite");
  CHECK(files.at(latin).as_object().at("path64").as_string() == to_base64(as_bytes("b/caf\xE9.sqlite")));
  CHECK(files.at(latin).as_object().at("xattrs").as_object().at("user.text").as_string() == "dg==");
  CHECK(root.at("others").as_array().at(0).as_object().at("type").as_string() == "dir");
}

TEST_CASE("the digest is the end of the file and found by arithmetic") {
  auto const signed_text = write(small_manifest(), "pass");
  auto const tail = signed_text.substr(signed_text.size() - 90);
  CHECK(tail.starts_with(",\"digest\":\"hmac-sha256:"));
  CHECK(tail.ends_with("\"}\n"));
  Key const key = manifest_digest_key(scrypt(Secret("pass"), test_salt()).value());
  CHECK(tail.substr(23, 64) ==
        to_hex(hmac_sha256(key.bytes(), signed_text.substr(0, signed_text.size() - 90))));

  auto const plain_text = write(small_manifest());
  auto const plain_tail = plain_text.substr(plain_text.size() - 85);
  CHECK(plain_tail ==
        ",\"digest\":\"sha256:" + to_hex(sha256(plain_text.substr(0, plain_text.size() - 85))) + "\"}\n");
}

TEST_CASE("the same snapshot gives the same bytes, and another implementation the same digest") {
  // Key check and digest computed with Python's hashlib and hmac, after docs/formats.md.
  auto const text = write(small_manifest(), "pass");
  CHECK_THAT(text, Catch::Contains("\"keyCheck\":\"400f2303cb303446\""));
  CHECK_THAT(text, Catch::EndsWith(",\"digest\":\"hmac-sha256:"
                                   "07fcd7eb2aa20f18cb32216516baebe27e321efba7c9ab46012a5ed6ab8017e0\"}\n"));
}

TEST_CASE("20,000 entries come back") {
  Scratch scratch;
  TestManifest manifest = small_manifest();
  manifest.files.clear();
  manifest.others.clear();
  for (int i = 0; i < 20000; ++i) {
    auto const number = std::to_string(100000 + i);
    manifest.files.push_back(file_entry("dir" + number.substr(0, 4) + "/file-" + number, number));
  }
  for (int i = 0; i < 500; ++i)
    manifest.others.push_back(other_entry(EntryType::directory, "dir" + std::to_string(1000 + i)));
  Keyring keyring = keyring_of({"pass"});
  auto const result = read(write(manifest, "pass"), keyring, scratch / "m");
  REQUIRE(result.has_value());
  REQUIRE(result->entries.size() == 20500);
  bool all_same = true;
  for (std::size_t i = 0; i < 20000; ++i)
    all_same = all_same && result->entries[i].entry.path == manifest.files[i].path &&
               result->entries[i].entry.hash == manifest.files[i].hash;
  CHECK(all_same);
  CHECK(result->read.info.files == 20000);
  CHECK(result->read.info.bytes == 120000);
}

TEST_CASE("an empty snapshot is a manifest, too") {
  Scratch scratch;
  TestManifest manifest = small_manifest();
  manifest.files.clear();
  manifest.others.clear();
  Keyring keyring = keyring_of({});
  auto const result = read(write(manifest), keyring, scratch / "m");
  REQUIRE(result.has_value());
  CHECK(result->entries.empty());
}

TEST_CASE("the header is read from the first bytes alone") {
  auto const text = write(full_manifest(), "pass");
  auto const info = peek_manifest_header(text, test_id());
  REQUIRE(info.has_value());
  CHECK(info->host == full_manifest().info.host);
  CHECK(info->timestamp == "2026-02-19T12:00:00.000Z");
  CHECK(info->skipped_total == 12345);
  CHECK(info->files == 6);
  auto const header_end = text.find(",\n\"files\"");
  REQUIRE(header_end < 4096);
  CHECK(peek_manifest_header(text.substr(0, header_end), test_id()).has_value());
  for (std::size_t length = 0; length < header_end; ++length)
    CHECK_FALSE(peek_manifest_header(std::string_view(text).substr(0, length), test_id()).has_value());
  CHECK_FALSE(peek_manifest_header(text, parse_snapshot_id("2026-02-19T12-00-00-000Z").value()));
  CHECK_FALSE(peek_manifest_header(plugin_manifest("{}"), test_id()).has_value());
  CHECK_FALSE(peek_manifest_header("B2EN", test_id()).has_value());
}

TEST_CASE("a trigger of a later version is kept as text") {
  Scratch scratch;
  TestManifest manifest = small_manifest();
  manifest.info.trigger_text = "full-moon";
  Keyring keyring = keyring_of({});
  auto const result = read(write(manifest), keyring, scratch / "m");
  REQUIRE(result.has_value());
  CHECK(result->read.info.trigger_text == "full-moon");
  CHECK(result->read.info.trigger == Trigger::manual);
}

TEST_CASE("triggers have names") {
  for (auto const trigger :
       {Trigger::schedule, Trigger::change, Trigger::compaction, Trigger::gateway_stop, Trigger::manual})
    CHECK(parse_trigger(trigger_name(trigger)) == trigger);
  CHECK_FALSE(parse_trigger("Manual").has_value());
}

TEST_CASE("at most 1,000 skipped paths are recorded") {
  Scratch scratch;
  TestManifest manifest = small_manifest();
  for (int i = 0; i < 1500; ++i)
    manifest.info.skipped.emplace_back("p" + std::to_string(i), "vanished");
  manifest.info.skipped_total = 1500;
  Keyring keyring = keyring_of({});
  auto const result = read(write(manifest), keyring, scratch / "m");
  REQUIRE(result.has_value());
  CHECK(result->read.info.skipped.size() == 1000);
  CHECK(result->read.info.skipped_total == 1500);
}

TEST_CASE("the writer refuses what no reader would take") {
  StringSink sink(1 << 24);
  SnapshotInfo info = small_manifest().info;
  ManifestWriter writer(sink, info, nullptr, test_key_room);
  auto const bad_path = writer.add_file(file_entry("a/../b"));
  REQUIRE_FALSE(bad_path.has_value());
  CHECK(bad_path.error().condition == Condition::internal);
  Entry fat = file_entry("fat");
  fat.xattrs["user.big"] = std::string(1 << 20, 'x');
  auto const too_big = writer.add_file(fat);
  REQUIRE_FALSE(too_big.has_value());
  CHECK(too_big.error().condition == Condition::limit);
}

TEST_CASE("a failing sink ends the writing") {
  StringSink sink(10);
  SnapshotInfo info = small_manifest().info;
  ManifestWriter writer(sink, info, nullptr, test_key_room);
  auto const result = writer.finish();
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().condition == Condition::limit);
}

TEST_CASE("an error of the visitor ends the reading") {
  Scratch scratch;
  REQUIRE(atomic_write_file(scratch / "m", write(small_manifest())).has_value());
  Keyring keyring = keyring_of({});
  int visits = 0;
  auto const result = read_manifest(scratch / "m", test_id(), keyring, [&](ManifestEntry&&) -> Result<void> {
    ++visits;
    return make_error(Condition::no_space, "full");
  });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().condition == Condition::no_space);
  CHECK(visits == 1);
}

TEST_CASE("a manifest file that is not there is not_found") {
  Keyring keyring = keyring_of({});
  auto const result =
      read_manifest("/nonexistent/m", test_id(), keyring, [](ManifestEntry&&) { return Result<void>(); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().condition == Condition::not_found);
}
