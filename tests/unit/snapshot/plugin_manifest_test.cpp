// The manifests that the plugin family itself wrote (shared fixtures).
#include <filesystem>

#include "core/crypto/b2en.h"
#include "tests/support/paths.h"
#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("every manifest of the fixtures is read, and lists what was uploaded") {
  B2B_REQUIRE_SHARED(shared);
  Scratch scratch;
  int manifests = 0, encrypted = 0;
  for (auto const& found :
       std::filesystem::recursive_directory_iterator(shared + "/fixtures/plugin-layout")) {
    if (found.path().filename() != "manifest.json") continue;
    std::string const folder = found.path().parent_path().filename();
    CAPTURE(found.path().string());
    auto const id = parse_snapshot_id(folder);
    REQUIRE(id.has_value());
    Keyring keyring = keyring_of({"K004fixture-application-key"});
    auto opened = open_bytes(b2b::read_file(found.path(), 1 << 20).value(), keyring, nullptr, std::nullopt);
    REQUIRE(opened.has_value());
    if (opened->body.mode == BodyMode::encrypted) ++encrypted;
    auto const result = read(opened->plaintext, keyring, scratch / "m", *id);
    INFO((result ? "" : result.error().text()));
    REQUIRE(result.has_value());
    ++manifests;
    CHECK(result->read.signature == Signature::none);
    CHECK_FALSE(result->read.info.ours);
    CHECK(result->read.info.complete);
    CHECK(result->read.info.files == result->entries.size());
    CHECK(result->entries.size() >= 9);
    CHECK(parse_iso8601(result->read.info.timestamp) == id->time);
    std::uint64_t bytes = 0;
    int held_here = 0;
    for (auto const& entry : result->entries) {
      CHECK(path_problem(entry.entry.path).empty());
      CHECK(entry.stored_name == entry.entry.path);
      CHECK(layout::stored_name(entry.entry.path, 60) == entry.stored_name);
      CHECK_FALSE(entry.entry.has_metadata);
      bytes += entry.entry.size;
      auto const object = found.path().parent_path() / entry.stored_name;
      if (!std::filesystem::exists(object))
        continue;  // an incremental snapshot leaves unchanged files in older ones
      ++held_here;
      auto const size = std::filesystem::file_size(object);
      CHECK((size == entry.entry.size || size == entry.entry.size + b2en_header_size));
    }
    CHECK(held_here >= 1);
    CHECK(result->read.info.bytes == bytes);
  }
  CHECK(manifests == 7);
  CHECK(encrypted == 2);
}
