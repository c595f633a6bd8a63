// Snapshot ids, the folder names directly under the prefix. Pure.
//   regular  2026-02-19T00-00-00Z | 2026-02-19T00-00-00-000Z | 2026-02-19T12-00-00-000Z-1a2b3c4d
//   safety   safety-<ts>  (manifest directly under it)  or  safety-<ts>/<regular id>  (nested; what we write)
#pragma once

#include <span>
#include <vector>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/util/clock.h"

namespace b2b {

enum class SnapshotKind { regular, safety };
std::string_view kind_name(SnapshotKind kind);  // "regular", "safety"

struct SnapshotId {
  SnapshotKind kind = SnapshotKind::regular;
  std::string text;        // as in the store, without prefix and without '/' at its end
  TimePoint time{};        // of the id itself (for nested safety ids: of the inner one)
};

// Parses a path below the prefix ("2026-…Z-1a2b3c4d", "safety-2026…Z/2026…Z-…"); nullopt for anything else.
std::optional<SnapshotId> parse_snapshot_id(std::string_view text);
// What we write: milliseconds and 8 random hex digits; safety: "safety-<ts>/<id>".
SnapshotId make_snapshot_id(SnapshotKind kind, TimePoint time, std::uint32_t random);
// Order by time as text, the way every reader of the layout sorts.
bool id_before(SnapshotId const& a, SnapshotId const& b);

// Which of these ids somebody means who writes `name`: that id, else a safety snapshot by its second part, else all that begin so. Positions.
std::vector<std::size_t> ids_meant(std::span<std::string_view const> ids, std::string_view name);

}  // namespace b2b
