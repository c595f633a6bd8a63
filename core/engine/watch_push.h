// Are changes pushed soon after they come, and why? `watch.push` where it is set. Else it is the layout's: on with the packed
// one, where a push costs what changed; off with the plugin's, where each snapshot holds every file. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "core/snapshot/snapshot_layout.h"

namespace b2b {

struct WatchPush {
  bool on = false;
  std::string_view why;   // for a person: "the packed layout's default"

  friend bool operator==(WatchPush const&, WatchPush const&) = default;
};

// `configured`: watch.push. `layout`: that pushes write, nullopt: not known yet (choose_layout.h).
WatchPush watch_push(std::optional<bool> configured, std::optional<SnapshotLayout> layout);

}  // namespace b2b
