#include "core/engine/unchanged_paths.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "core/capture/metadata.h"
#include "core/engine/queue.h"
#include "core/engine/roots.h"
#include "core/snapshot/catalog.h"
#include "core/util/file.h"

namespace b2b {
namespace {

Result<Catalog> newest_record(EngineContext const& context) {
  B2B_ASSIGN(auto const queue, list_queue(context));
  if (queue.empty()) return Catalog::open(context.index->base_catalog_path());
  if (!queue.back().checked) return make_error(Condition::busy, "the newest capture is still written to");
  return Catalog::open(join_path(queue.back().folder, "catalog.sqlite"));
}

bool is_as_recorded(std::optional<CatalogEntry> const& known, std::string const& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT && !known;
  if (!known) return false;
  Entry const& entry = known->entry;
  if (S_ISDIR(status.st_mode)) return entry.type == EntryType::directory;
  if (!S_ISREG(status.st_mode) || entry.type != EntryType::file) return false;
  StatKey now = stat_key(status);
  read_wal_key(path, now);
  return now == entry.stat;
}

}  // namespace

std::vector<std::string> really_changed(EngineContext const& context, std::set<std::string, std::less<>> const& paths) {
  std::vector<std::string> all(paths.begin(), paths.end());
  if (all.empty() || all.size() > unchanged_paths_max) return all;
  auto record = newest_record(context);
  if (!record) return all;
  std::vector<Root> const roots = roots_of(context.config);
  auto const same = [&](std::string const& path) {
    auto const known = record->find(path);
    return known && is_as_recorded(*known, absolute_path(roots, path));
  };
  all.erase(std::remove_if(all.begin(), all.end(), same), all.end());
  return all;
}

}  // namespace b2b
