// Which snapshots to keep. Pure and clock-free: snapshots and policy in, keep or remove with reasons out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/retention_rules.h"
#include "core/snapshot/id.h"
#include "core/snapshot/manifest.h"

namespace b2b {

struct RetentionPolicy {
  std::uint32_t keep_snapshots = 10;          // scheduled, manual, compaction, gateway-stop and the plugin's
  std::uint32_t keep_safety_snapshots = 10;
  std::optional<RetentionRules> rules = {};   // in place of keep_snapshots and of the thinning by age
};

struct RetentionItem {
  SnapshotId id;
  bool complete = true;
  bool is_change = false;                     // trigger "change": thinned by age instead
};

struct RetentionVerdict {
  SnapshotId id;
  bool keep = true;
  std::string reason;                         // "one of the newest 10", "the newest complete snapshot", "newest of the day 2026-02-19"
  SnapshotLayout layout = SnapshotLayout::plugin;  // set by who calls: each layout's snapshots are judged by themselves
};

// `now` is the store's clock. Rules:
//  - the newest complete snapshot of each kind and the newest safety snapshot are always kept;
//  - incomplete ones are never counted among the complete ones. Those older than every kept complete one of their kind go;
//    of the others as many stay as a policy of their own would keep: the newest keep_snapshots (keep_safety_snapshots),
//    changes thinned by age, or what the rules say. The newest snapshot of all stays, complete or not;
//  - without rules, trigger "change": all within the last hour, then the newest of each (UTC) hour for a day, of each day for 30 days, then none;
//  - with rules, all triggers alike: the `last` newest, and of the last `hourly` hours, `daily` days and `monthly` months (UTC) that have a
//    snapshot the newest each (rule_window.h). Safety snapshots are counted all the same;
//  - ids more than 24 hours in the future are kept and not counted.
// Time alone only ever removes: what is not kept now is not kept later. Verdicts come in the order of the items, each with
// its reason.
std::vector<RetentionVerdict> apply_retention(std::vector<RetentionItem> const& items, RetentionPolicy const& policy,
                                              TimePoint now);

}  // namespace b2b
