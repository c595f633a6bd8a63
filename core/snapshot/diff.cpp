#include "core/snapshot/diff.h"

#include "core/snapshot/load.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;

// Walks a catalog in path order, a batch at a time.
class Cursor {
 public:
  Cursor(Catalog& catalog, bool files_only) : catalog_(catalog), files_only_(files_only) {}

  Result<void> advance() {
    do {
      if (next_ == rows_.size()) B2B_TRY(fetch());
      if (next_ == rows_.size()) {
        at_end_ = true;
        return {};
      }
      current_ = std::move(rows_[next_++]);
    } while (files_only_ && current_.entry.type != EntryType::file);
    return {};
  }
  bool at_end() const { return at_end_; }
  CatalogEntry& current() { return current_; }

 private:
  Result<void> fetch() {
    std::string const after = std::move(last_);
    B2B_ASSIGN(rows_, catalog_.batch_after(after, batch_size, first_));
    first_ = false;
    next_ = 0;
    if (!rows_.empty()) last_ = rows_.back().entry.path;
    return {};
  }

  Catalog& catalog_;
  bool const files_only_;
  std::vector<CatalogEntry> rows_;
  std::size_t next_ = 0;
  CatalogEntry current_;
  std::string last_;
  bool first_ = true;
  bool at_end_ = false;
};

bool same_content(Entry const& a, Entry const& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case EntryType::file:
      return a.size == b.size && a.hash == b.hash;
    case EntryType::symlink:
      return a.target == b.target;
    case EntryType::directory:
      return true;
  }
  return false;
}

bool same_metadata(Entry const& a, Entry const& b) {
  if (!a.has_metadata || !b.has_metadata) return true;
  bool const same_time = a.type == EntryType::directory || a.mtime_ns == b.mtime_ns;
  return same_time && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.xattrs == b.xattrs &&
         a.hard_link_of == b.hard_link_of;
}

Result<bool> holds_files_only(Catalog& catalog) {
  B2B_ASSIGN(auto const mark, catalog.meta(files_only_meta));
  return mark.has_value();
}

}  // namespace

Result<void> diff_catalogs(Catalog& before, Catalog& after,
                           std::function<Result<void>(Difference&&)> const& visit) {
  B2B_ASSIGN(bool const before_files_only, holds_files_only(before));
  B2B_ASSIGN(bool const after_files_only, holds_files_only(after));
  bool const files_only = before_files_only || after_files_only;
  Cursor left(before, files_only);
  Cursor right(after, files_only);
  B2B_TRY(left.advance());
  B2B_TRY(right.advance());
  while (!left.at_end() || !right.at_end()) {
    int const order = left.at_end()    ? 1
                      : right.at_end() ? -1
                                       : left.current().entry.path.compare(right.current().entry.path);
    if (order < 0) {
      B2B_TRY(visit({Change::deleted, std::move(left.current()), {}}));
    } else if (order > 0) {
      B2B_TRY(visit({Change::added, {}, std::move(right.current())}));
    } else if (!same_content(left.current().entry, right.current().entry)) {
      B2B_TRY(visit({Change::content, std::move(left.current()), std::move(right.current())}));
    } else if (!same_metadata(left.current().entry, right.current().entry)) {
      B2B_TRY(visit({Change::metadata, std::move(left.current()), std::move(right.current())}));
    }
    if (order <= 0) B2B_TRY(left.advance());
    if (order >= 0) B2B_TRY(right.advance());
  }
  return {};
}

}  // namespace b2b
