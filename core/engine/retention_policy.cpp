#include "core/engine/retention_policy.h"

namespace b2b {

RetentionPolicy retention_policy(Config const& config, SnapshotLayout layout) {
  RetentionPolicy policy;
  policy.keep_snapshots = config.keep_snapshots;
  if (config.keep_safety_snapshots) policy.keep_safety_snapshots = *config.keep_safety_snapshots;
  policy.rules = config.retention;
  if (!policy.rules && !config.keep_snapshots_set && layout == SnapshotLayout::packed) policy.rules = RetentionRules{};
  return policy;
}

}  // namespace b2b
