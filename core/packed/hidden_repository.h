// A repository that is hidden, by deletes without a version, and must not be taken for one that was never made; and hidden snapshots of one that is
// not, which must not be taken for removed ones (docs/format.md, "Collection").
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot/id.h"
#include "core/store/hidden.h"

namespace b2b::packed {

// Errors: refused, when `config` is hidden (docs/format.md, "config"): what was hidden and when, and how it is read; the store's. One request, and,
// when it is, one for a thousand versions under the repository's prefix. A key that may not list versions cannot tell, and is not refused.
Result<void> refuse_hidden_repository(Store& store, std::string_view prefix, std::stop_token const& stop);

struct HiddenSnapshots {
  std::vector<SnapshotId> ids;   // oldest first
  HiddenObjects objects;         // the snapshot objects; when it began: with whatever else was done to the repository
};
// Nothing where versions cannot be listed. One request for a thousand versions of snapshot objects; and, when some are hidden, for a thousand under the
// repository's prefix.
Result<HiddenSnapshots> find_hidden_snapshots(Store& store, std::string_view prefix, std::stop_token const& stop);

// "3 snapshots were hidden in …", and how they are read. `newest` may be empty; `objects`: snapshots, one or more.
std::string hidden_snapshots_text(Store const& store, HiddenObjects const& objects, std::string const& newest);

// What a person may decide about them.
inline constexpr std::string_view hidden_way_out =
    "To show them again, remove their hide markers; when they are to go for good: daemonctl prune --give-up-hidden. Until then what they need stays in the bucket";

// What they need must not be removed: until they are shown again, or a person gives them up. Errors: refused; the store's.
Result<void> refuse_hidden_snapshots(Store& store, std::string_view prefix, std::stop_token const& stop);

}  // namespace b2b::packed
