// The entries of one snapshot or scan, in a private SQLite file, ordered by path: any number of them in bounded memory.
// One thread at a time; copies of a Catalog are the same catalog. A few text values go with it (meta).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/capture/entry.h"
#include "core/sqlite/sqlite.h"
#include "core/util/error.h"

namespace b2b {

struct CatalogEntry {
  Entry entry;
  std::string stored_name;     // object name relative to the snapshot's folder; empty: not stored (yet)
  std::uint64_t stored_size = 0;
  std::uint32_t state = 0;     // free for the job that uses the catalog
};

class Catalog {
 public:
  // A new, empty catalog at `path` (an old file there is replaced); durable only after seal(). What was never sealed
  // cannot be opened again.
  static Result<Catalog> create(std::string const& path);
  // A sealed one; not_found, corrupt (not a sealed catalog, or of another version). Changes to it are lost unless sealed
  // again, and one connection at a time may change it (busy).
  static Result<Catalog> open(std::string const& path);

  Result<void> put(CatalogEntry const& entry);                             // inserts or replaces by path
  Result<bool> insert(CatalogEntry const& entry);                          // false, and nothing done: the path is there
  Result<std::optional<CatalogEntry>> find(std::string_view path);
  Result<void> erase(std::string_view path);
  // Up to `limit` entries with paths greater than `after`, in byte order. The catalog may be changed between batches.
  Result<std::vector<CatalogEntry>> batch_after(std::string_view after, std::size_t limit, bool from_start);
  // All, in order, in batches. An error from `visit` ends it.
  Result<void> for_each(std::function<Result<void>(CatalogEntry&&)> const& visit);
  // The first entry with this content, if any (files only).
  Result<std::optional<CatalogEntry>> find_by_hash(Sha256Digest const& hash, std::uint64_t size);
  Result<std::uint64_t> count(std::optional<EntryType> type = std::nullopt);
  Result<std::uint64_t> total_bytes();                                     // of files

  Result<void> set_meta(std::string_view key, std::string_view value);
  Result<std::optional<std::string>> meta(std::string_view key);
  // Commits everything, makes it durable and closes it; the file may then be renamed. No call may follow (asserted).
  Result<void> seal();

 private:
  struct Impl;
  explicit Catalog(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace b2b
