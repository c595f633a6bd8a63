// How a snapshot is stored. The names are those of `layout` in configuration and answers.
#pragma once

#include <string_view>

namespace b2b {

enum class SnapshotLayout {
  plugin,   // the OpenClaw B2 plugin's own: an object for each file and a manifest (layout.h)
  packed,   // ours: encrypted packs of chunks, shared by all snapshots (core/packed, docs/format.md)
};

constexpr std::string_view layout_name(SnapshotLayout layout) { return layout == SnapshotLayout::packed ? "packed" : "plugin"; }

constexpr SnapshotLayout other_layout(SnapshotLayout layout) {
  return layout == SnapshotLayout::packed ? SnapshotLayout::plugin : SnapshotLayout::packed;
}

}  // namespace b2b
