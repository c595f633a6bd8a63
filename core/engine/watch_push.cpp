#include "core/engine/watch_push.h"

namespace b2b {

WatchPush watch_push(std::optional<bool> configured, std::optional<SnapshotLayout> layout) {
  if (configured) return {*configured, "set with watch.push"};
  if (!layout) return {false, "the first backup chooses the layout: on with packed, off with plugin"};
  if (*layout == SnapshotLayout::packed) return {true, "the packed layout's default"};
  return {false, "the plugin layout's default"};
}

}  // namespace b2b
