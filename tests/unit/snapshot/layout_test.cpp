#include "core/snapshot/layout.h"

#include <map>
#include <random>

#include "core/crypto/hash.h"
#include "core/store/store.h"
#include "tests/support/catch.h"

using namespace b2b;

namespace {

SnapshotId const id = parse_snapshot_id("2026-02-19T12-00-00-000Z-1a2b3c4d").value();
constexpr std::size_t room = 50;

bool escapes(std::string_view path) {
  std::string const name = layout::stored_name(path, room);
  if (name == path) return false;
  CHECK(layout::is_escaped(name));
  CHECK(name == "b2backupd-escaped/" + to_hex(sha256(path)));
  return true;
}

}  // namespace

TEST_CASE("keys of a snapshot") {
  CHECK(layout::snapshot_prefix("openclaw-backup", id) ==
        "openclaw-backup/2026-02-19T12-00-00-000Z-1a2b3c4d/");
  CHECK(layout::manifest_key("openclaw-backup", id) ==
        "openclaw-backup/2026-02-19T12-00-00-000Z-1a2b3c4d/manifest.json");
  CHECK(layout::manifest_key("a/b", id) == "a/b/2026-02-19T12-00-00-000Z-1a2b3c4d/manifest.json");
  CHECK(layout::manifest_key("", id) == "2026-02-19T12-00-00-000Z-1a2b3c4d/manifest.json");
  auto const safety = make_snapshot_id(SnapshotKind::safety, id.time, 1);
  CHECK(layout::manifest_key("p", safety) ==
        "p/safety-2026-02-19T12-00-00-000Z/2026-02-19T12-00-00-000Z-00000001/manifest.json");
}

TEST_CASE("ordinary paths keep their names") {
  for (std::string const path :
       {"openclaw.json", "workspace/MEMORY.md",
        "workspace/notes (a b) + \xC3\xBC \xE6\x97\xA5\xE6\x9C\xAC.md", "dir/manifest.json",
        "dir/b2backupd-escaped/x", "manifest.json.bak", "xmanifest.json", "b2backupd-escaped2/x", "a\\b",
        "it's 100% & <tag> \"q\" #1?=~!*.md", " ", "...", ".hidden/..x"})
    CHECK_FALSE(escapes(path));
  CHECK_FALSE(escapes(std::string(250, 'x')));
}

TEST_CASE("paths that the layout cannot hold are escaped") {
  for (std::string const path :
       {"manifest.json", "manifest.json/inner", "Manifest.JSON", "b2backupd-escaped", "b2backupd-escaped/x",
        "B2BACKUPD-escaped/x", "workspace/caf\xE9.md", "a\xFF", "workspace/new\nline", "tab\there", "del\x7F",
        "a/../b", "a//b", "/a", "a/", "."})
    CHECK(escapes(path));
  CHECK(escapes(std::string(251, 'x')));
  CHECK(escapes("dir/" + std::string(251, 'x') + "/file"));
  CHECK(escapes(std::string("nul\0byte", 8)));
}

TEST_CASE("a key may be as long as the store allows and no longer") {
  std::string path;
  while (path.size() < 900)
    path += std::string(99, 'd') + "/";
  path.resize(1024 - room, 'f');
  CHECK_FALSE(escapes(path));
  CHECK(escapes(path + "f"));
  CHECK(is_valid_key(std::string(room, 'p') + path));
  CHECK_FALSE(is_valid_key(std::string(room, 'p') + path + "f"));
}

TEST_CASE("no two paths share a name, and every name is a valid key") {
  auto const seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<std::string> const pieces = {
      "manifest.json", "b2backupd-escaped", "/", "a", "\xC3\xA9", "\xC3", "\n", ".", "..", "A"};
  std::map<std::string, std::string> path_of;
  for (int round = 0; round < 20000; ++round) {
    std::string path;
    for (auto count = 1 + random() % 6; count > 0; --count)
      path += pieces[random() % pieces.size()];
    std::string const name = layout::stored_name(path, room);
    CAPTURE(path, name);
    REQUIRE(is_valid_key(name));
    REQUIRE(name != "manifest.json");
    auto const [known, added] = path_of.emplace(name, path);
    REQUIRE(known->second == path);
  }
  // Nor can a path be chosen that looks like the escaped name of another one.
  std::string const name = layout::stored_name("manifest.json", room);
  CHECK(layout::stored_name(name, room) != name);
}
