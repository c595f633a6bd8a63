// The workers of a snapshot writer: a task for each body, one report at a time, and the first failure, which ends everything.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "core/engine/snapshot_writer.h"
#include "core/util/worker_pool.h"

namespace b2b {

class BodyPool {
 public:
  // `progress` may be null.
  BodyPool(std::size_t threads, Progress* progress, BodyStored stored, std::stop_token outer);
  ~BodyPool() { stop_.request_stop(); }

  // Any thread; blocks while the pool is full. `work` may fail for the body alone (concerns_one_file()): that is reported as a skip of `path`.
  void submit(std::string path, std::function<Result<StoredBody>()> work);
  bool failed() const { return has_failed_; }
  void wait() { pool_.wait(); }
  Result<void> outcome();            // after wait(): the first failure, or cancelled
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void report(StoredBody&& body);
  void fail(Error error);

  Progress* const progress_;
  BodyStored const stored_;
  std::stop_source stop_;            // ours: on the caller's stop, a failure or destruction
  std::stop_callback<std::function<void()>> forward_stop_;
  std::atomic<bool> has_failed_{false};
  std::mutex mutex_;                 // failure_, calls of stored_
  std::optional<Error> failure_;
  WorkerPool pool_;                  // the last: its destructor joins
};

}  // namespace b2b
