// Pins: snapshots, of either layout, that are never pruned. A pin is an object in the bucket, {prefix}.repo/pins/<snapshot id>, so that it outlives this
// machine and holds for every one that prunes there. Its name says all; what is in it is for people. Calls block.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/engine/context.h"
#include "core/snapshot/id.h"
#include "core/snapshot/retention.h"

namespace b2b {

struct Pin {
  SnapshotId id;
  TimePoint since{};   // by the store's clock
};

// Oldest snapshot first. One list request for a thousand. Objects there that are not named like a snapshot are left out.
// Errors: permission (with how the key must be made), the store's.
Result<std::vector<Pin>> list_pins(EngineContext& context);
bool is_pinned(std::vector<Pin> const& pins, SnapshotId const& id);

struct PinChange {
  SnapshotId snapshot;
  bool changed = false;              // false: it was pinned before
  std::vector<std::string> notes;    // of resolve_snapshot()
};
// `name`: as resolve_snapshot() takes it. Nobody who prunes on this machine may be at it meanwhile (UploadLock). Errors: not_found (also when
// another machine pruned the snapshot at the same moment), and those of resolve_snapshot() and list_pins().
Result<PinChange> pin_snapshot(EngineContext& context, std::string_view name);
// `name`: also the id of a snapshot that is gone, or the beginning of one. not_found: it is not pinned.
Result<PinChange> unpin_snapshot(EngineContext& context, std::string_view name);

// The same, but an application key for the plugin's layout alone, which has never
// reached the pins of this prefix, finds none, as before there were any; one that did reach them once is refused (permission).
Result<std::vector<Pin>> reachable_pins(EngineContext& context);

// Keeps what is pinned (reachable_pins()) among those that would go, and returns the pins.
Result<std::vector<Pin>> spare_pinned(EngineContext& context, std::vector<RetentionVerdict>& verdicts);

// Removes pins whose snapshot is gone. Each is looked for in the bucket, in both layouts, since what a listing remembers of it may be out of date.
// What may not be removed stays, and the log says so.
Result<void> remove_idle_pins(EngineContext& context, std::vector<Pin> const& pins);

}  // namespace b2b
