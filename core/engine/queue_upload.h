// Sends what waits in the capture queue (queue.h) to the store, oldest first, each as a snapshot of its own with the time
// and trigger of its capture. Needs no data lock: captures go on meanwhile.
#pragma once

#include <optional>

#include "core/engine/context.h"
#include "core/engine/push.h"
#include "core/util/fd.h"

namespace b2b {

// One uploader and pruner for each instance. Held with flock(2) on <data dir>/upload.lock.
class UploadLock {
 public:
  static Result<UploadLock> acquire(EngineContext const& context, std::string_view purpose);  // busy: names the holder

 private:
  explicit UploadLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Uploads the oldest capture that was taken for this store and takes it out of the queue; nullopt when there is none. The
// caller holds the upload lock. Bodies that did not change are copied inside the store or, when small, sent again from the
// live file if that still has the captured content. When interrupted, the next call goes on with the bodies already there.
// Does not prune. Errors: the store's; busy (its databases are not checked yet: finish_captures()); unsupported, corrupt (a capture that cannot be read, named); cancelled.
Result<std::optional<PushReport>> upload_oldest(EngineContext& context);

}  // namespace b2b
