#include "core/engine/browse.h"

#include <filesystem>
#include <fstream>

#include "tests/support/paths.h"
#include "tests/unit/engine/bucket_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::string const older = "2026-11-20T10-00-00-000Z-00000001";
std::string const newer = "2026-11-21T10-00-00-000Z-00000002";
std::map<std::string, std::string> const files{
    {"agents/a/one.txt", "1"}, {"agents/a-b/two.txt", "22"}, {"agents.txt", "333"}, {"openclaw.json", "{}"}};

std::vector<std::string> list(Bucket& bucket, std::string_view path) {
  std::vector<std::string> paths, notes;
  list_entries(bucket.context, "latest", path, [&](CatalogEntry const& entry) -> Result<void> {
    paths.push_back(entry.entry.path);
    return {};
  }, notes).value();
  return paths;
}

Result<std::string> cat(Bucket& bucket, std::string_view snapshot, std::string_view path) {
  StringSink sink(1 << 20);
  B2B_TRY(cat_file(bucket.context, snapshot, path, sink));
  return sink.take();
}

Result<std::map<std::string, Change>> diff(Bucket& bucket, std::string_view first, std::string_view second,
                                           std::vector<std::string>* all_notes = nullptr) {
  std::map<std::string, Change> changes;
  std::vector<std::string> notes;
  B2B_TRY(diff_snapshots(bucket.context, first, second, [&](Difference const& difference) -> Result<void> {
    auto const& entry = difference.change == Change::added ? difference.after : difference.before;
    changes[entry.entry.path] = difference.change;
    return {};
  }, notes));
  if (all_notes != nullptr) *all_notes = notes;
  return changes;
}

void write_live(Bucket& bucket, std::string const& path, std::string const& text) {
  std::string const full = bucket.context.config.state_dir + "/" + path;
  std::filesystem::create_directories(std::filesystem::path(full).parent_path());
  std::ofstream(full, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("ls shows everything, or what lies at and below a path") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  CHECK(list(bucket, "") == std::vector<std::string>{"agents.txt", "agents/a-b/two.txt", "agents/a/one.txt", "openclaw.json"});
  CHECK(list(bucket, "agents") == std::vector<std::string>{"agents/a-b/two.txt", "agents/a/one.txt"});
  CHECK(list(bucket, "./agents//a/") == std::vector<std::string>{"agents/a/one.txt"});
  CHECK(list(bucket, "agents/a/one.txt") == std::vector<std::string>{"agents/a/one.txt"});
  CHECK(list(bucket, "openclaw.json").size() == 1);
  std::vector<std::string> notes;
  auto const missing = list_entries(bucket.context, older, "agent", [](CatalogEntry const&) -> Result<void> { return {}; }, notes);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().condition == Condition::not_found);
}

TEST_CASE("cat writes a verified file, and nothing of one that does not verify") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  CHECK(cat(bucket, older, "agents/a/one.txt").value() == "1");
  CHECK(cat(bucket, "latest", "/agents.txt").value() == "333");
  CHECK(cat(bucket, older, "agents").error().condition == Condition::usage);
  CHECK(cat(bucket, older, "nothing").error().condition == Condition::not_found);
  bucket.flip_byte("openclaw-backup/" + older + "/agents.txt", 65);
  StringSink sink(100);
  auto const damaged = cat_file(bucket.context, older, "agents.txt", sink);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().condition == Condition::corrupt);
  CHECK(sink.text().empty());
}

TEST_CASE("cat finds a file by the name that ls shows, unless two are shown alike") {
  Bucket bucket;
  bucket.add_snapshot(older, {{"a\nb", "new line"}, {"c\\nd", "backslash"}, {"c\nd", "new line too"}, {"e\x01\nf", "1"}, {"e\\x01\nf", "2"}});
  CHECK(cat(bucket, older, "a\\nb").value() == "new line");
  CHECK(cat(bucket, older, "c\\nd").value() == "backslash");  // its very name
  CHECK(cat(bucket, older, "c\nd").value() == "new line too");
  CHECK(cat(bucket, older, "e\\x01\\nf").error().condition == Condition::usage);
  CHECK(cat(bucket, older, "a\\nc").error().condition == Condition::not_found);
}

TEST_CASE("no scratch files stay behind") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  CHECK(cat(bucket, older, "agents.txt"));
  for (auto const& left : std::filesystem::directory_iterator(bucket.context.instance.data_dir))
    CHECK(left.path().filename().string().find("scratch-") == std::string::npos);
}

TEST_CASE("two snapshots are compared by content") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  auto changed = files;
  changed["agents.txt"] = "444";
  changed["new.txt"] = "new";
  changed.erase("openclaw.json");
  bucket.add_plugin_snapshot(newer, changed);
  CHECK(diff(bucket, older, newer).value() ==
        std::map<std::string, Change>{
            {"agents.txt", Change::content}, {"new.txt", Change::added}, {"openclaw.json", Change::deleted}});
  CHECK(diff(bucket, older, older).value().empty());
  CHECK(diff(bucket, older, "2020").error().condition == Condition::not_found);
}

TEST_CASE("a snapshot is compared with the live state: same size and other content is found") {
  Bucket bucket;
  bucket.add_plugin_snapshot(older, {{"openclaw.json", "{}"}, {"workspace/a.md", "alpha"}, {"workspace/b.md", "beta"},
                                     {"workspace/gone.md", "gone"}});
  write_live(bucket, "openclaw.json", "{}");
  write_live(bucket, "workspace/a.md", "ALPHA");
  write_live(bucket, "workspace/b.md", "beta, and more");
  write_live(bucket, "workspace/new.md", "new");
  write_live(bucket, "media/outside-the-recorded-scope.bin", "x");
  std::vector<std::string> notes;
  CHECK(diff(bucket, older, "", &notes).value() ==
        std::map<std::string, Change>{{"workspace/a.md", Change::content},
                                      {"workspace/b.md", Change::content},
                                      {"workspace/gone.md", Change::deleted},
                                      {"workspace/new.md", Change::added}});
  CHECK(notes.empty());
}

TEST_CASE("comparing with a state directory that is not there says so") {
  Bucket bucket;
  bucket.add_plugin_snapshot(older, files);
  std::filesystem::remove_all(bucket.context.config.state_dir);
  auto const result = diff(bucket, older, "");
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::not_found);
}
