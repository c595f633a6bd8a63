// The repository of the packed layout under this prefix, as the engine's jobs use it. Its keys are opened once for each engine, then kept.
//
// The record of chunks in the data directory has one user at a time, the holder of the upload lock. Whoever only reads works on a copy
// of its own, brought in line with the bucket, so reading verbs need no lock and disturb no push.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/engine/context.h"
#include "core/packed/key_store.h"
#include "core/packed/repository.h"

namespace b2b {

// One for each engine; every job's context points to it. Thread-safe. What is opened is in line with the bucket as of that call
// (packed::sync_index()); what could not be read of it goes to the log. Errors: wrong_key, corrupt, the store's; and not_found where there is
// no repository and none is made.
class PackedAccess {
 public:
  Result<std::shared_ptr<packed::Repository>> open_to_read(EngineContext& context);
  // For its snapshot objects alone: its `index` is null, and nothing is asked of the store but the keys.
  Result<std::shared_ptr<packed::Repository>> open_without_index(EngineContext& context);
  // The caller holds the upload lock until it is done with it.
  Result<std::shared_ptr<packed::Repository>> open_to_write(EngineContext& context);
  // The same for a push: makes it when there is none, and sees to it that the configured secret has a key slot (tend_key_slots()).
  Result<std::shared_ptr<packed::Repository>> open_or_create(EngineContext& context);
  // What was opened may be another repository by now: its keys are asked for again.
  void forget();

 private:
  Result<packed::OpenedRepository> keys(EngineContext& context, bool create);
  Result<std::shared_ptr<packed::Repository>> open(EngineContext& context, bool create);
  std::mutex mutex_;
  std::optional<packed::OpenedRepository> keys_;   // with what is new about their secrets, until a push has seen to it
};

// The folder for the chunk writer's packs: one push at a time (the upload lock) owns it.
std::string packed_spool_dir(EngineContext const& context);

}  // namespace b2b
