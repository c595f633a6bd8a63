// The reading verbs: ls, cat, diff. No lock needed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "core/snapshot/diff.h"

namespace b2b {

// Entries of a snapshot whose path is `path` or lies below it (all when empty), in order.
Result<SnapshotId> list_entries(EngineContext& context, std::string_view snapshot, std::string_view path,
                                std::function<Result<void>(CatalogEntry const&)> const& visit, std::vector<std::string>& notes);

// One file's verified content.
Result<void> cat_file(EngineContext& context, std::string_view snapshot, std::string_view path, ByteSink& sink);

// Two snapshots, or one (older) against the live state directory when `second` is empty: then content is compared by
// capturing what the stat key cannot decide.
Result<void> diff_snapshots(EngineContext& context, std::string_view first, std::string_view second,
                            std::function<Result<void>(Difference const&)> const& visit, std::vector<std::string>& notes);

}  // namespace b2b
