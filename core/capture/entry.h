// One thing in a snapshot: a file, directory or symbolic link, with what is needed to bring it back.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/crypto/hash.h"

namespace b2b {

enum class EntryType : std::uint8_t { file, directory, symlink };

// What tells "unchanged since the last capture" without reading the body (DESIGN rule 1). All zero when unknown.
struct StatKey {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;               // of the live file; differs from Entry::size for databases
  std::int64_t mtime_ns = 0;            // since the epoch
  std::int64_t ctime_ns = 0;
  std::uint64_t wal_size = 0;           // databases: the "-wal" beside it; 0 when there is none
  std::int64_t wal_mtime_ns = 0;
  std::uint64_t wal_salt = 0;           // both salts of the WAL header (bytes 16..23, big endian)
  friend bool operator==(StatKey const&, StatKey const&) = default;
};

struct Entry {
  std::string path;                     // relative, '/'-separated, raw bytes; labelled roots: "label/…"
  EntryType type = EntryType::file;
  std::uint64_t size = 0;               // files: bytes of the captured body
  Sha256Digest hash{};                  // files: SHA-256 of the captured body
  std::uint32_t mode = 0;               // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;
  std::string target;                   // symlinks: where it points, as it is written
  std::string hard_link_of;             // files: another path of this snapshot that is the same inode; empty: none
  std::map<std::string, std::string> xattrs;  // "user.*" (and on Linux as root "security.capability", POSIX ACLs)
  bool has_metadata = true;             // false: written by the plugin, which knows only path, hash and size
  bool database = false;                // captured by SQLite's backup API
  bool damaged = false;                 // a database that failed its check; body is the raw file
  bool cut = false;                     // a log that never rested, cut at its captured length
  // Capture only, not in manifests:
  StatKey stat;
  std::int64_t captured_at_ns = 0;      // wall clock when its capture began; 0: not captured
};

}  // namespace b2b
