// Which retention holds for the snapshots of a layout, from the configuration. Pure.
#pragma once

#include "core/config/config.h"
#include "core/snapshot/retention.h"
#include "core/snapshot/snapshot_layout.h"

namespace b2b {

// `retention` goes before all else. Then a keepSnapshots that somebody set. Then, where nobody said anything: the plugin's layout keeps 10, as the
// plugin does, since each snapshot costs its whole size there; the packed one keeps what RetentionRules says.
RetentionPolicy retention_policy(Config const& config, SnapshotLayout layout);

}  // namespace b2b
