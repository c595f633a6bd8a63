// The manifest of the plugin layout: written and read as a stream, so that its size does not matter.
//
// What the plugin reads: {"version":1,"timestamp":"<ISO>","files":{"<name>":{"hash":"<sha256 hex>","size":N}}}.
// Ours adds, where its reader ignores it (docs/formats.md has the full description):
//   "b2backupd":{…header: SnapshotInfo…}                      before "files"
//   in each file: "mode","uid","gid","mtime","path"|"path64","link","xattrs","db","damaged","cut"
//   "others":[{"path"|"path64","type":"dir"|"symlink",…}]     after "files"
//   "skipped":[{"path"|"path64","reason"}]                    after "others"
//   "digest":"hmac-sha256:<hex>"                              the very last member
// The digest is HMAC-SHA256 over all bytes before `,"digest"`, with the key hkdf(scrypt(passphrase, keySalt), "b2backupd manifest v1");
// without any passphrase it is "sha256:<hex>" (integrity only: anybody can make one, so where encryption is on, treat it as
// unsigned). The header holds the snapshot's id, so a manifest copied to another place does not verify.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/capture/entry.h"
#include "core/crypto/key.h"
#include "core/snapshot/id.h"
#include "core/snapshot/snapshot_layout.h"
#include "core/util/byte_stream.h"
#include "core/util/error.h"

namespace b2b {

enum class Trigger { schedule, change, compaction, gateway_stop, manual };
std::string_view trigger_name(Trigger trigger);                       // "gateway-stop"
std::optional<Trigger> parse_trigger(std::string_view name);

// A directory outside of the state directory whose entries are in the snapshot under `label`.
struct SnapshotRoot {
  std::string label;
  std::string path;      // where it was
  std::string written;   // how OpenClaw's configuration named it
};

struct SnapshotInfo {
  SnapshotId id;
  SnapshotLayout layout = SnapshotLayout::plugin;  // where it was found or written; not part of what is written
  std::string timestamp;          // ISO, when the capture began
  bool ours = false;              // false: written by the plugin or a sister tool: only id, timestamp and files are known
  bool complete = true;           // all files were captured (plugin's: taken to be)
  Trigger trigger = Trigger::manual;
  std::string trigger_text;       // as written; "" for the plugin's. The writer takes it before `trigger` when it is not empty
  std::string host;
  std::string instance;           // instance id; "" for the plugin's
  std::string state_dir;          // where it was taken
  std::vector<SnapshotRoot> roots;  // not remembered by the index
  std::string program;            // "b2backupd 0.1.0"
  std::string openclaw;           // OpenClaw's version, "" when unknown
  boost::json::value scope;       // recorded scope rules; null for the plugin's
  bool encrypted = false;         // bodies were written encrypted
  std::string key_salt_hex;       // salt of the digest key (and of the bodies written with it)
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;        // of the plaintext bodies
  std::vector<std::pair<std::string, std::string>> skipped;  // path, reason; at most 1,000 are recorded
  std::uint64_t skipped_total = 0;
};

// The digest's key, from the key that scrypt made of the passphrase and the header's salt.
inline Key manifest_digest_key(Key const& passphrase_key) { return hkdf(passphrase_key, "b2backupd manifest v1"); }

// Writes one manifest: header at construction, then entries in strictly ascending byte order of paths, then finish().
// Order, and that `files` and `bytes` in `info` are what was added, is asserted. Errors: the sink's; limit (an entry over
// 1 MB, which no reader would take); internal (a path that path_problem() refuses).
class ManifestWriter {
 public:
  // `digest_key`: manifest_digest_key(…); null: plain SHA-256 digest. `key_room`: layout::snapshot_prefix().size().
  ManifestWriter(ByteSink& sink, SnapshotInfo const& info, Key const* digest_key, std::size_t key_room);
  ~ManifestWriter();
  Result<void> add_file(Entry const& entry);         // all files first,
  Result<void> add_other(Entry const& entry);        // then directories and symlinks
  Result<void> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class Signature {
  valid,         // keyed digest verified
  unkeyed,       // plain digest verified (written without any passphrase)
  none,          // the plugin's: no digest
};

struct ManifestRead {
  SnapshotInfo info;
  Signature signature = Signature::none;
};

struct ManifestEntry {
  Entry entry;
  std::string stored_name;        // relative to the snapshot's folder (files only)
};

// Reads a manifest from the local file `path` (already decrypted, if it was encrypted; nobody else writes to it): first the digest over
// the whole file, then the entries, streamed to `visit` (which may fail; its error ends the reading). A manifest without a keyed
// digest is checked from end to end before the first visit. Paths are given as written: see path_problem().
// Errors: corrupt (not JSON, not a manifest, digest wrong or missing, a path twice, id differs from `expected`), wrong_key
// (a keyed digest, and none of the passphrases made it), unsupported (a version newer than ours), io.
// Memory: some 200 KB plus the largest entry (at most 4 MB); 16 bytes more for each file of a manifest that is not ours.
// A path that stands both in "files" and in "others" of ours is found by load_catalog() only.
Result<ManifestRead> read_manifest(std::string const& path, SnapshotId const& expected, Keyring& keyring,
                                   std::function<Result<void>(ManifestEntry&&)> const& visit);

// Only the header, from the first bytes of a manifest (64 KB are enough for ours unless its scope rules are huge); unverified:
// for listings. nullopt: not ours, or more bytes needed, or damaged. `skipped` stays empty (it stands at the manifest's end).
std::optional<SnapshotInfo> peek_manifest_header(std::string_view first_bytes, SnapshotId const& expected);

// Pure. Empty when `path` is a clean relative path, else what is wrong: "is absolute", "has a '..' component", "is empty",
// "has an empty component", "has a '.' component", "has a NUL byte".
std::string path_problem(std::string_view path);

}  // namespace b2b
