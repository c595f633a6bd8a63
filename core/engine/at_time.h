// The bucket as it stood at a moment, as a context for the jobs that only read: what was hidden or overwritten since is there.
#pragma once

#include <memory>

#include "core/engine/context.h"
#include "core/engine/scratch_folder.h"

namespace b2b {

// Nothing that is remembered of the bucket as it is now counts for it, and nothing of it is remembered: index, record of chunks and opened keys are
// its own, and go with it. Progress and stop are shared with the context it was made from, which must outlive it.
class AtTime {
 public:
  // Errors: as make_at_time_store(); of the file system.
  static Result<std::unique_ptr<AtTime>> open(EngineContext& now, TimePoint at);
  EngineContext& context() { return context_; }
  // Why there may be nothing to see; empty: no reason is known.
  std::string const& hint() const { return hint_; }

 private:
  AtTime(ScratchFolder folder, EngineContext context) : folder_(std::move(folder)), context_(std::move(context)) {}

  ScratchFolder folder_;
  EngineContext context_;
  std::string hint_;
};

}  // namespace b2b
