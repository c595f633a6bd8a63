// Manifests for tests: made by the writer or by hand, read back into a list.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <fcntl.h>

#include "core/crypto/hash.h"
#include "core/snapshot/layout.h"
#include "core/snapshot/manifest.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/sanitizer.h"
#include "tests/support/scratch.h"

namespace b2b::test {

inline SnapshotId test_id() {
  return parse_snapshot_id("2026-02-19T12-00-00-000Z-1a2b3c4d").value();
}
constexpr std::size_t test_key_room = 50;

inline Keyring keyring_of(std::vector<std::string> const& passphrases) {
  std::vector<Secret> secrets;
  for (auto const& passphrase : passphrases)
    secrets.emplace_back(passphrase);
  return Keyring(std::move(secrets));
}

inline Salt test_salt() {
  Salt salt;
  for (std::size_t i = 0; i < salt.size(); ++i)
    salt[i] = static_cast<std::uint8_t>(i);
  return salt;
}

inline Entry file_entry(std::string path, std::string_view content = "content") {
  Entry entry;
  entry.path = std::move(path);
  entry.size = content.size();
  entry.hash = sha256(content);
  entry.mode = 0644;
  entry.uid = 1000;
  entry.gid = 100;
  entry.mtime_ns = 1771502400123456789;
  return entry;
}

inline Entry other_entry(EntryType type, std::string path, std::string target = {}) {
  Entry entry;
  entry.path = std::move(path);
  entry.type = type;
  entry.mode = type == EntryType::directory ? 0755 : 0777;
  entry.mtime_ns = 1;
  entry.target = std::move(target);
  return entry;
}

struct TestManifest {
  SnapshotInfo info;
  std::vector<Entry> files;   // in order
  std::vector<Entry> others;  // in order
};

inline TestManifest small_manifest() {
  TestManifest out;
  out.info.id = test_id();
  out.info.timestamp = "2026-02-19T12:00:00.000Z";
  out.info.host = "box";
  out.info.scope = boost::json::parse(R"({"version":1,"include":["**"],"exclude":[]})");
  out.files = {file_entry("a.txt", "a"), file_entry("manifest.json", "theirs"),
               file_entry("w/caf\xE9", "latin")};
  out.others = {other_entry(EntryType::symlink, "link", "a.txt"), other_entry(EntryType::directory, "w")};
  return out;
}

// The text of a manifest; with a passphrase, signed (the salt goes into the header).
inline std::string write(TestManifest manifest, std::string const& passphrase = {}) {
  manifest.info.files = manifest.files.size();
  manifest.info.bytes = 0;
  for (auto const& file : manifest.files)
    manifest.info.bytes += file.size;
  StringSink sink(std::uint64_t{1} << 30);
  std::optional<Key> key;
  if (!passphrase.empty()) {
    manifest.info.key_salt_hex = to_hex(test_salt());
    static std::map<std::string, Key> derived;  // 40 ms each
    if (!derived.contains(passphrase))
      derived.emplace(passphrase, scrypt(Secret(passphrase), test_salt()).value());
    key = manifest_digest_key(derived.at(passphrase));
  }
  ManifestWriter writer(sink, manifest.info, key ? &*key : nullptr, test_key_room);
  for (auto const& file : manifest.files)
    REQUIRE(writer.add_file(file).has_value());
  for (auto const& other : manifest.others)
    REQUIRE(writer.add_other(other).has_value());
  REQUIRE(writer.finish().has_value());
  return sink.take();
}

struct ReadBack {
  ManifestRead read;
  std::vector<ManifestEntry> entries;
};

// Not atomic_write_file(): there are thousands of these, and nothing needs to be durable.
inline void write_text(std::string const& text, std::string const& path) {
  auto const fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, "write a test's manifest");
  REQUIRE(fd);
  REQUIRE(write_all(fd->get(), as_bytes(text), path));
}

inline Result<ReadBack> read(std::string const& text, Keyring& keyring, std::string const& path,
                             SnapshotId const& id = test_id()) {
  write_text(text, path);
  ReadBack out;
  B2B_ASSIGN(out.read, read_manifest(path, id, keyring, [&](ManifestEntry&& entry) -> Result<void> {
               out.entries.push_back(std::move(entry));
               return {};
             }));
  return out;
}

// A manifest as the plugin writes it, around the given text of "files".
inline std::string plugin_manifest(std::string const& files, std::string const& version = "1") {
  return R"({"version":)" + version + R"(,"timestamp":"2026-02-19T12:00:00.000Z","files":)" + files + "}";
}

// Adds the unkeyed digest to a hand-made manifest of ours (everything up to the digest, without the last
// brace).
inline std::string with_digest(std::string const& text) {
  return text + ",\"digest\":\"sha256:" + to_hex(sha256(text)) + "\"}\n";
}

}  // namespace b2b::test
