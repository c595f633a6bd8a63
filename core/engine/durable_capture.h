// Capture without upload: what the daemon does when it is told that something is about to happen. The state is captured
// into the queue (queue.h), durably, and nothing of it needs the store; queue_upload.h sends it later.
#pragma once

#include <functional>

#include "core/engine/context.h"
#include "core/engine/push.h"

namespace b2b {

struct CaptureOrder {
  Trigger trigger = Trigger::manual;
  // When set: called as soon as the copies are durable, and only then are the databases among them checked and scrubbed. Such
  // a capture is kept also when its databases turn out to be as before. Not called when nothing had changed.
  std::function<void(PushReport const&)> durable;
  // What the queue may hold on disk, this capture included. no_space when it would be more; then nothing was captured.
  std::uint64_t queue_limit_bytes = 256ull << 20;
};

// Takes the data lock (busy when another process has it). The report's `snapshot` is the id it will have in the store; none
// and `unchanged` when there was nothing to capture. refused with Error::retryable: there is no record of a snapshot to build
// on, so everything would have to be copied; a push that captures and uploads at once is what fits. `bytes_uploaded` and
// `requests` stay 0. Other errors: not_found, no_space, cancelled, io.
Result<PushReport> capture_to_queue(EngineContext& context, CaptureOrder const& order);

// Checks and scrubs the databases of captures that a crash left unchecked. The caller holds the data lock.
// Errors: no_space, cancelled, io; what is wrong with a file is in its capture's record.
Result<void> finish_captures(EngineContext& context);

}  // namespace b2b
