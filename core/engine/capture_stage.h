// Captures many files at once and hands each result on. Used by push and by safety captures.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "core/capture/capture.h"
#include "core/engine/context.h"
#include "core/util/worker_pool.h"

namespace b2b {

// Spool with the configured bounds, in <data dir>/spool/.
Result<std::shared_ptr<Spool>> open_spool(EngineContext& context);
CaptureOptions capture_options(Config const& config);

class CaptureStage {
 public:
  // `captured` is called from several threads at once; it may block (that is how a slow upload slows the capture down).
  using Captured = std::function<void(Entry const& scanned, CaptureResult&&)>;
  CaptureStage(EngineContext& context, std::shared_ptr<Spool> spool, CaptureOptions const& options, Captured captured);

  void add(Entry entry);         // blocks while enough is queued
  bool failed() const;
  void fail(Error error);        // from `captured`: ends the stage
  Result<void> finish();         // waits; the first failure

 private:
  EngineContext& context_;
  std::shared_ptr<Spool> spool_;
  Captured captured_;
  std::vector<Root> roots_;
  CaptureOptions options_;
  mutable std::mutex mutex_;
  std::optional<Error> failure_;
  WorkerPool pool_;
};

}  // namespace b2b
