// Repair, for the packed layout: the index is made whole from the packs, packs that are damaged or gone leave it, and what this machine still has
// of what is missing then is stored again, with a push that reads everything. Then it is verified what that healed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/verify.h"

namespace b2b {

struct RepairOptions {
  bool index_only = false;   // what packs say goes back into the index; nothing else
  bool read_data = true;     // read all packs that are needed first; else only what is gone or of another length is found
};

struct HealedPath {
  std::string snapshot;
  std::string path;
};

struct RepairReport {
  std::uint64_t packs_indexed = 0;              // put back into the index
  std::uint64_t index_objects_removed = 0;      // damaged ones
  std::uint64_t packs_removed = 0;              // damaged or gone
  std::uint64_t chunks_saved = 0;               // whole ones out of damaged packs
  std::optional<std::string> snapshot;          // that stored again what this machine has
  std::uint64_t bytes_uploaded = 0;
  std::uint64_t bytes_read = 0;
  std::vector<HealedPath> healed;               // was lost, and restores again
  std::vector<VerifyProblem> problems;          // what remains
  std::vector<std::string> notes;
};

// Takes the upload lock, and the data lock while it pushes (waits for it). Errors: not_found (there is no repository of the packed layout), busy,
// the store's. What was repaired until then stays.
Result<RepairReport> repair(EngineContext& context, RepairOptions const& options);

}  // namespace b2b
