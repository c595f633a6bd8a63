// Manifests that were cut, altered, moved or signed with another passphrase: always an error, never a visit.
#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// Reads and demands an error; no entry may have been visited before it.
Condition failure_of(std::string const& text, Keyring& keyring, std::string const& path,
                     SnapshotId const& id = test_id()) {
  write_text(text, path);
  int visits = 0;
  auto const result = read_manifest(path, id, keyring, [&](ManifestEntry&&) -> Result<void> {
    ++visits;
    return {};
  });
  REQUIRE_FALSE(result.has_value());
  CHECK(visits == 0);
  CHECK_FALSE(result.error().message.empty());
  return result.error().condition;
}

}  // namespace

TEST_CASE("a signed manifest cut anywhere is an error") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  auto const text = write(small_manifest(), "pass");
  for (std::size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    REQUIRE(failure_of(text.substr(0, length), keyring, scratch / "m") == Condition::corrupt);
  }
  REQUIRE(read(text, keyring, scratch / "m").has_value());
}

TEST_CASE("a plugin's manifest cut anywhere is an error") {
  Scratch scratch;
  Keyring keyring = keyring_of({});
  auto const text = plugin_manifest(R"({"a":{"hash":")" + to_hex(sha256("a")) +
                                    R"(","size":1},"b":{"hash":")" + to_hex(sha256("b")) + R"(","size":2}})");
  REQUIRE(read(text, keyring, scratch / "m").has_value());
  for (std::size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    REQUIRE(failure_of(text.substr(0, length), keyring, scratch / "m") == Condition::corrupt);
  }
}

TEST_CASE("a signed manifest with one byte changed anywhere is an error") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  auto const text = write(small_manifest(), "pass");
  std::size_t const version = text.find(":1,") + 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int const flip : {0x01, 0x02, 0x20, 0x80}) {
      // A changed salt costs a key derivation each: one flip per digit is enough there.
      bool const in_salt = i > text.find("keySalt") && i < text.find("keyCheck");
      if (in_salt && flip != 0x01) continue;
      std::string bad = text;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      CAPTURE(i, flip, bad.substr(i < 20 ? 0 : i - 20, 40));
      Condition const condition = failure_of(bad, keyring, scratch / "m");
      // A changed version digit may look like a later version, and a changed salt or key check like another
      // passphrase.
      REQUIRE((condition == Condition::corrupt || condition == Condition::wrong_key ||
               (condition == Condition::unsupported && i == version)));
    }
  }
}

TEST_CASE("bytes added, removed or swapped are found") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  auto const text = write(small_manifest(), "pass");
  auto const fails = [&](std::string const& bad) { return failure_of(bad, keyring, scratch / "m"); };
  CHECK(fails(text + " ") == Condition::corrupt);
  CHECK(fails(text + text) == Condition::corrupt);
  CHECK(fails(" " + text) == Condition::corrupt);
  CHECK(fails(text.substr(0, text.size() - 1)) == Condition::corrupt);
  auto const digest_at = text.size() - 90;
  CHECK(fails(text.substr(0, digest_at) + ",\"extra\":1" + text.substr(digest_at)) == Condition::corrupt);
  CHECK(fails(text.substr(0, digest_at) + "}\n") ==
        Condition::corrupt);  // the digest taken away, the header left
  auto const other = write(
      [] {
        auto manifest = small_manifest();
        manifest.files.pop_back();
        return manifest;
      }(),
      "pass");
  CHECK(fails(other.substr(0, other.size() - 90) + text.substr(digest_at)) == Condition::corrupt);
}

TEST_CASE("a manifest of another snapshot is not taken for this one") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  auto const other = parse_snapshot_id("2026-02-19T12-00-00-000Z-ffffffff").value();
  CHECK(failure_of(write(small_manifest(), "pass"), keyring, scratch / "m", other) == Condition::corrupt);
  CHECK(failure_of(write(small_manifest()), keyring, scratch / "m", other) == Condition::corrupt);
}

TEST_CASE("the wrong passphrase is told from damage") {
  Scratch scratch;
  auto const text = write(small_manifest(), "pass");
  Keyring none = keyring_of({});
  CHECK(failure_of(text, none, scratch / "m") == Condition::wrong_key);
  Keyring wrong = keyring_of({"other", "third"});
  CHECK(failure_of(text, wrong, scratch / "m") == Condition::wrong_key);

  Keyring old = keyring_of({"other", "pass"});
  auto const result = read(text, old, scratch / "m");
  REQUIRE(result.has_value());
  CHECK(result->read.signature == Signature::valid);
  CHECK(old.preferred() == 1);
  auto damaged = text;
  damaged[text.find("a.txt")] = 'b';
  CHECK(failure_of(damaged, old, scratch / "m") == Condition::corrupt);
}

TEST_CASE("a keyed digest cannot be replaced by a plain one unnoticed") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  auto const text = write(small_manifest(), "pass");
  auto const result = read(with_digest(text.substr(0, text.size() - 90)), keyring, scratch / "m");
  REQUIRE(result.has_value());
  CHECK(result->read.signature == Signature::unkeyed);  // and an encrypted set does not believe that
}

TEST_CASE("stripped of header and digest it is an unsigned one") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  auto const result = read(plugin_manifest(R"({"a":{"hash":")" + to_hex(sha256("a")) + R"(","size":1}})"),
                           keyring, scratch / "m");
  REQUIRE(result.has_value());
  CHECK(result->read.signature == Signature::none);
  CHECK_FALSE(result->read.info.ours);
}
