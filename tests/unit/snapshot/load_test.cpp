#include "core/snapshot/load.h"

#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

struct Loaded {
  Result<ManifestRead> read;
  Catalog catalog;
  std::vector<RejectedPath> rejected;
};

Loaded load(Scratch const& scratch, std::string const& text,
            std::vector<std::string> const& passphrases = {}) {
  REQUIRE(atomic_write_file(scratch / "m", text).has_value());
  Keyring keyring = keyring_of(passphrases);
  Catalog catalog = Catalog::create(scratch / "c").value();
  std::vector<RejectedPath> rejected;
  auto read = load_catalog(scratch / "m", test_id(), keyring, catalog, rejected);
  return {std::move(read), std::move(catalog), std::move(rejected)};
}

std::string const good_file = R"({"hash":")" + to_hex(sha256("a")) + R"(","size":1})";

}  // namespace

TEST_CASE("a manifest of ours becomes a catalog") {
  Scratch scratch;
  auto loaded = load(scratch, write(small_manifest(), "pass"), {"pass"});
  REQUIRE(loaded.read.has_value());
  CHECK(loaded.read->signature == Signature::valid);
  CHECK(loaded.rejected.empty());
  CHECK(loaded.catalog.count().value() == 5);
  CHECK(loaded.catalog.find("manifest.json").value()->stored_name == layout::escaped_name("manifest.json"));
  CHECK(loaded.catalog.find("link").value()->entry.target == "a.txt");
  CHECK(loaded.catalog.find("link").value()->stored_name.empty());
  CHECK_FALSE(loaded.catalog.meta(files_only_meta).value().has_value());
}

TEST_CASE("bad paths are left out by name, the others are taken") {
  Scratch scratch;
  auto loaded =
      load(scratch, plugin_manifest("{\"../x\":" + good_file + ",\"/etc/passwd\":" + good_file +
                                    ",\"\":" + good_file + ",\"a/../../b\":" + good_file +
                                    ",\"n\\u0000l\":" + good_file + ",\"good\":" + good_file + "}"));
  REQUIRE(loaded.read.has_value());
  CHECK(loaded.catalog.count().value() == 1);
  CHECK(loaded.catalog.find("good").value().has_value());
  CHECK(loaded.catalog.meta(files_only_meta).value().has_value());
  REQUIRE(loaded.rejected.size() == 5);
  CHECK(loaded.rejected[0].path == "../x");
  CHECK(loaded.rejected[0].problem == "has a '..' component");
  CHECK(loaded.rejected[1].problem == "is absolute");
  CHECK(loaded.rejected[2].problem == "is empty");
  CHECK(loaded.rejected[3].problem == "has a '..' component");
  CHECK(loaded.rejected[4].problem == "has a NUL byte");
}

TEST_CASE("a hard link out of the target is left out") {
  Scratch scratch;
  auto manifest = small_manifest();
  manifest.files[0].hard_link_of = "../../etc/shadow";
  manifest.files[1].hard_link_of = "a.txt";
  auto loaded = load(scratch, write(manifest));
  REQUIRE(loaded.read.has_value());
  REQUIRE(loaded.rejected.size() == 1);
  CHECK(loaded.rejected[0].path == "a.txt");
  CHECK_THAT(loaded.rejected[0].problem, Catch::Contains("'..'"));
  CHECK(loaded.catalog.find("manifest.json").value()->entry.hard_link_of == "a.txt");
}

TEST_CASE("a path that is a file and a directory is damage") {
  Scratch scratch;
  auto manifest = small_manifest();
  manifest.others.insert(manifest.others.begin(), other_entry(EntryType::directory, "a.txt"));
  auto loaded = load(scratch, write(manifest));
  REQUIRE(loaded.read.has_error());
  CHECK(loaded.read.error().condition == Condition::corrupt);
  CHECK_THAT(loaded.read.error().message, Catch::Contains("twice"));
}

TEST_CASE("thousands of bad paths are damage") {
  Scratch scratch;
  std::string files = "{\"ok\":" + good_file;
  for (int i = 0; i < 1001; ++i)
    files += ",\"../" + std::to_string(i) + "\":" + good_file;
  auto loaded = load(scratch, plugin_manifest(files + "}"));
  REQUIRE(loaded.read.has_error());
  CHECK(loaded.read.error().condition == Condition::corrupt);
}

TEST_CASE("errors of the manifest are handed on") {
  Scratch scratch;
  CHECK(load(scratch, "nonsense").read.error().condition == Condition::corrupt);
  CHECK(load(scratch, write(small_manifest(), "pass"), {"other"}).read.error().condition ==
        Condition::wrong_key);
}
