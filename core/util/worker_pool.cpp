#include "core/util/worker_pool.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "core/util/error.h"
#include "core/util/log.h"

namespace b2b {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queue_limit)
    : thread_count_(std::max<std::size_t>(threads, 1)), queue_limit_(std::max<std::size_t>(queue_limit, 1)) {}

WorkerPool::~WorkerPool() {
  {
    std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  task_ready_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void WorkerPool::submit(std::function<void()> task) {
  B2B_ASSERT(task != nullptr);
  {
    std::unique_lock lock(mutex_);
    B2B_ASSERT(!stopping_);
    if (threads_.empty()) {
      threads_.reserve(thread_count_);
      try {
        for (std::size_t i = 0; i < thread_count_; ++i) threads_.emplace_back([this] { run(); });
      } catch (std::system_error const& error) {
        // The system has no more threads for us: fewer do the same work, more slowly.
        log_warning(std::string("cannot start as many threads as wanted: ") + error.what());
      }
      B2B_ASSERT(!threads_.empty());
    }
    room_or_idle_.wait(lock, [this] { return queue_.size() < queue_limit_; });
    queue_.push_back(std::move(task));
  }
  task_ready_.notify_one();
}

void WorkerPool::wait() {
  std::unique_lock lock(mutex_);
  room_or_idle_.wait(lock, [this] { return queue_.empty() && running_ == 0; });
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    task_ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto task = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    room_or_idle_.notify_all();
    lock.unlock();
    task();
    task = nullptr;  // what it captured goes before wait() returns
    lock.lock();
    --running_;
    if (queue_.empty() && running_ == 0) room_or_idle_.notify_all();
  }
}

bool ByteBudget::take(std::uint64_t bytes, std::stop_token const& stop) {
  std::unique_lock lock(mutex_);
  bool const fits = changed_.wait(lock, stop, [&] { return held_ == 0 || (held_ < limit_ && bytes <= limit_ - held_); });
  if (!fits || stop.stop_requested()) return false;
  held_ += bytes;
  return true;
}

void ByteBudget::give_back(std::uint64_t bytes) {
  {
    std::scoped_lock lock(mutex_);
    B2B_ASSERT(bytes <= held_);
    held_ -= bytes;
  }
  changed_.notify_all();
}

}  // namespace b2b
