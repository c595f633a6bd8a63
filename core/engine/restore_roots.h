// Which directories outside of the state directory a restore in place brings back, and where to.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/restore_part.h"

namespace b2b {

// Where a root of a snapshot goes: to the place that openclaw.json gives its label now. When the snapshot had it elsewhere, or the
// label is not known here, to the place of the snapshot, but only where nothing is, since the safety snapshot would not hold it; its
// "~" is the home directory here. Pure but for looking whether something is there.
struct RootPlace {
  std::string path;     // absolute
  std::string problem;  // not empty: why it is not restored
};
RootPlace place_of_root(Config const& config, SnapshotRoot const& root);

// One part for each root of which something is to be restored. What cannot be goes into the report as failed, once for each root.
Result<std::list<RestorePart>> root_parts(RestorePart::Shared const& shared, Catalog& snapshot);

}  // namespace b2b
