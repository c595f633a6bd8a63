// The repository of the packed layout under this prefix, as the engine's jobs use it: opened once for each engine, then kept.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/packed/repository.h"

namespace b2b {

// One for each engine; every job's context points to it.
class PackedAccess {
 public:
  // The repository, its record of chunks in line with the bucket as of this call (packed::sync_index()): for whatever reads or writes
  // snapshots. What could not be read of it goes to the log. Thread-safe; callers share the repository, so jobs of one engine that read and
  // write at once see each other's packs. Errors: not_found (there is none), wrong_key, corrupt, the store's.
  Result<std::shared_ptr<packed::Repository>> open(EngineContext& context);
  // The same for a push: makes it when there is none.
  Result<std::shared_ptr<packed::Repository>> open_or_create(EngineContext& context);

 private:
  Result<std::shared_ptr<packed::Repository>> synced(EngineContext& context);
  std::mutex mutex_;
  std::shared_ptr<packed::Repository> repository_;
};

// The folder for the chunk writer's packs: one push at a time (the upload lock) owns it.
std::string packed_spool_dir(EngineContext const& context);

}  // namespace b2b
