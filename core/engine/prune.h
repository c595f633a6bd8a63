// Prune: retention, pins, healing, torn snapshots. Deletes by version: manifest first, then bodies. What is pinned stays; while the pins cannot be
// listed, or it is not certain how much is to be kept, nothing is removed and a warning says why.
#pragma once

#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "core/packed/collect.h"
#include "core/snapshot/retention.h"

namespace b2b {

struct PruneOptions {
  bool dry_run = false;
  bool confirmed = false;        // the person said yes: clears a pause
  bool on_request = false;       // a person asked for it, not the schedule: packs are collected now, too
  bool give_up_hidden = false;   // the person said that hidden snapshots are to go for good, too, but for pinned ones
  bool take_over = false;        // the person said that this machine prunes from now on, although others use the prefix (prune_right.h)
};

struct PruneReport {
  std::vector<RetentionVerdict> verdicts;
  std::vector<std::string> removed;         // ids
  std::vector<std::string> torn_removed;
  std::uint64_t healed = 0;                 // bodies copied into kept snapshots first
  std::uint64_t objects_deleted = 0;
  std::uint64_t unfinished_removed = 0;     // multipart uploads
  packed::CollectReport collected;          // of the packed layout: what was freed, and what will be in a day
  bool paused = false;                      // more than half of the files vanished lately; waits for a person
  std::vector<std::string> warnings;
};

// refused: the prefix holds snapshots of another instance (named), and the right to prune was not taken over from it.
Result<PruneReport> prune(EngineContext& context, PruneOptions const& options);

}  // namespace b2b
