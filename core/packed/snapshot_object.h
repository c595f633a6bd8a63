// What a snapshot object says (docs/format.md, "A snapshot object"). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/packed/format.h"
#include "core/snapshot/manifest.h"
#include "core/util/error.h"

namespace b2b::packed {

struct SnapshotPayload {
  SnapshotInfo info;                 // `roots`, too
  std::uint64_t list_bytes = 0;
  std::uint64_t entries = 0;
  std::vector<ChunkId> list;         // chunks of the list, in order
};

std::string format_snapshot(SnapshotPayload const& snapshot);
// corrupt; unsupported (a newer version). `expected`: the object's name.
Result<SnapshotPayload> parse_snapshot(std::string_view text, SnapshotId const& expected);

}  // namespace b2b::packed
