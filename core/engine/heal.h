// Heal: gives each kept snapshot the bodies that its own folder lacks, so that others may be deleted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

struct HealReport {
  std::uint64_t copied = 0;               // bodies
  std::uint64_t missing = 0;              // bodies that a kept snapshot lacks and that no readable snapshot holds
  std::vector<std::string> unread;        // with `missing`: snapshots that could not be searched, so may hold what is missing
  std::vector<std::string> warnings;
};

// Makes the snapshots of `listing` named in `kept` complete by themselves: bodies are copied inside the store, as they
// are (an encrypted body stays valid), and their size is checked. Snapshots written by the plugin are always looked at; ours hold
// everything by construction, so only those that verify marked (mark_lacking) are. What has been copied is durable when
// this returns. With `missing` over 0, folders whose content is unknown (torn uploads) may hold what is missing: leave them alone,
// and so may the unread ones.
Result<HealReport> heal(EngineContext& context, BucketListing const& listing, std::vector<SnapshotId> const& kept);

// Verify found (or no longer finds) bodies of this snapshot missing in its own folder.
Result<void> mark_lacking(EngineContext& context, SnapshotId const& id, bool lacking);
Result<bool> is_marked_lacking(EngineContext& context, SnapshotId const& id);

}  // namespace b2b
