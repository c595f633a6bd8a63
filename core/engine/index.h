// Our own records, in <data dir>/index.sqlite: what was pushed last, what is under way, what we remember of the bucket.
// A cache and a journal: when it is lost, the next push is a full one and nothing else changes. The bucket is trusted
// over it. Thread-safe (one mutex); used by one process at a time for writing (under the data lock).
//
// Beside it: base.sqlite, the catalog of the last committed snapshot with stat keys (core/snapshot/catalog.h).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/crypto/b2en.h"
#include "core/snapshot/manifest.h"
#include "core/sqlite/sqlite.h"
#include "core/util/error.h"

namespace b2b {

// A push that has begun and has no manifest yet.
struct PendingPush {
  std::string id;               // snapshot id
  std::string target;           // store name and prefix; a pending push for another target is dropped
  std::int64_t started_ns = 0;
  std::string salt_hex;         // of its bodies
  std::string key_check;        // tells whether the passphrase is still the same (never the passphrase)
  bool encrypted = true;
};

struct PendingBody {
  std::string stored_name;
  Sha256Digest hash{};
  std::uint64_t size = 0;
  std::uint64_t stored_size = 0;
  std::string iv_hex;           // of encrypted bodies
  bool uploaded = false;        // false: its upload has begun (the IV must be used again for the same plaintext only)
};

class Index {
 public:
  // Makes it when there is none. A damaged or foreign index is moved aside (…​.damaged) and begun anew, with a warning in the log.
  static Result<std::shared_ptr<Index>> open(std::string const& data_dir);

  std::string base_catalog_path() const;        // may not exist

  Result<std::optional<PendingPush>> pending_push();
  Result<void> begin_push(PendingPush const& push);               // replaces a pending one and its bodies
  Result<void> record_bodies(std::vector<PendingBody> const& bodies);   // in one transaction
  Result<std::optional<PendingBody>> pending_body(std::string_view stored_name);
  Result<std::vector<PendingBody>> pending_bodies_after(std::string_view after, std::size_t limit);  // in byte order of names
  Result<void> mark_bodies_unused();                              // a resumed push begins: none is used by it yet
  Result<std::vector<std::string>> unused_bodies();               // recorded before that and not since
  Result<void> forget_body(std::string_view stored_name);
  Result<void> end_push();                                        // committed or given up: forgets it

  // Headers of snapshots in the bucket (immutable), by target and id.
  Result<void> remember_snapshot(std::string_view target, SnapshotInfo const& info, Signature signature);
  struct Remembered {
    SnapshotInfo info;
    Signature signature;
  };
  Result<std::optional<Remembered>> remembered_snapshot(std::string_view target, SnapshotId const& id);
  Result<void> forget_snapshot(std::string_view target, std::string_view id);
  Result<std::vector<Remembered>> remembered_snapshots(std::string_view target);

  // Small values: "prune-paused", "last-body-check", "key-loss-acknowledged", …
  Result<std::optional<std::string>> value(std::string_view key);
  Result<std::vector<std::pair<std::string, std::string>>> values_with_prefix(std::string_view prefix);
  Result<void> set_value(std::string_view key, std::string_view value);
  Result<void> clear_value(std::string_view key);

 private:
  Index(std::string data_dir, sqlite::Database database);
  std::string data_dir_;
  mutable std::mutex mutex_;
  sqlite::Database database_;
};

}  // namespace b2b
