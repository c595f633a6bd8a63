// A snapshot's header as JSON, for the index. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/snapshot/manifest.h"

namespace b2b {

std::string snapshot_to_json(SnapshotInfo const& info, Signature signature);
// False when the text is not what snapshot_to_json writes (an older program's record).
bool snapshot_from_json(std::string_view text, SnapshotId const& id, SnapshotInfo& info, Signature& signature);

}  // namespace b2b
