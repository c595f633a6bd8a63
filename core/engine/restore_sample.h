// A restore to try: some files of the newest complete snapshot, chosen by lot, are brought to a scratch folder one after the other, and read
// back and compared with the digests that the snapshot holds. Nothing of them stays.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/verify.h"

namespace b2b {

struct SampleLimits {
  std::size_t files = 32;
  std::uint64_t bytes = 64 << 20;   // of them together; a larger file is never chosen
};

struct SampleReport {
  std::optional<SnapshotId> snapshot;    // nullopt: there is none that "latest" means (a note says why)
  std::uint64_t files = 0;               // that came back as they were
  std::uint64_t bytes = 0;
  std::vector<VerifyProblem> problems;   // the others
  std::vector<std::string> notes;
};

// `scratch_dir` exists; room for `limits.bytes` and eight packs is needed there. Errors: the store's, busy (a prune is removing the snapshot),
// cancelled.
Result<SampleReport> restore_sample(EngineContext& context, SampleLimits const& limits, std::string const& scratch_dir);

}  // namespace b2b
