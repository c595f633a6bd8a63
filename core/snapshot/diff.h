// What differs between two catalogs, streamed in path order. Used by push's summary and `daemonctl diff`.
#pragma once

#include <functional>

#include "core/snapshot/catalog.h"

namespace b2b {

enum class Change { added, deleted, content, metadata };

struct Difference {
  Change change;
  CatalogEntry before;   // default-made for added
  CatalogEntry after;    // default-made for deleted
};

// Entries written by the plugin have no metadata: only their content is compared, and where one side is such a snapshot
// (files_only_meta of load.h) directories and symlinks are left out. A directory's time is no difference. Another type under the
// same path is a difference of content. Neither catalog may change meanwhile. An error from `visit` ends it.
Result<void> diff_catalogs(Catalog& before, Catalog& after, std::function<Result<void>(Difference&&)> const& visit);

}  // namespace b2b
