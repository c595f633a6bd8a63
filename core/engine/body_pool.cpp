#include "core/engine/body_pool.h"

#include <algorithm>

namespace b2b {

BodyPool::BodyPool(std::size_t threads, Progress* progress, BodyStored stored, std::stop_token outer)
    : progress_(progress),
      stored_(std::move(stored)),
      forward_stop_(std::move(outer), [this] { stop_.request_stop(); }),
      pool_(std::max<std::size_t>(1, threads), 2) {}

void BodyPool::submit(std::string path, std::function<Result<StoredBody>()> work) {
  pool_.submit([this, path = std::move(path), work = std::move(work)] {
    if (stop_.stop_requested()) return;
    auto result = work();
    if (result) return report(std::move(*result));
    if (!concerns_one_file(result.error().condition)) return fail(std::move(result).error());
    StoredBody out;
    out.entry.path = path;
    out.skip = Skip{path, SkipReason::unstable, result.error().text()};
    report(std::move(out));
  });
}

void BodyPool::report(StoredBody&& body) {
  if (progress_ != nullptr) {
    progress_->files_done.fetch_add(1);
    progress_->bytes_done.fetch_add(body.entry.size);
  }
  std::scoped_lock lock(mutex_);
  stored_(std::move(body));
}

void BodyPool::fail(Error error) {
  std::scoped_lock lock(mutex_);
  has_failed_ = true;
  if (!failure_) failure_ = std::move(error);
  stop_.request_stop();
}

Result<void> BodyPool::outcome() {
  std::scoped_lock lock(mutex_);
  if (failure_) return *failure_;
  if (stop_.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
  return {};
}

}  // namespace b2b
