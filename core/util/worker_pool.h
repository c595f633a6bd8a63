// A bounded pool for blocking work: as many threads as told, started with the first task, joined on destruction.
//
// submit() blocks while `queue_limit` tasks wait, so that a fast producer cannot fill memory. Tasks must not throw and
// must not call submit() or wait() on their own pool. submit() and wait() may be called from any other thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace b2b {

class WorkerPool {
 public:
  WorkerPool(std::size_t threads, std::size_t queue_limit);
  WorkerPool(WorkerPool const&) = delete;
  WorkerPool& operator=(WorkerPool const&) = delete;
  ~WorkerPool();  // runs what was submitted, then joins

  void submit(std::function<void()> task);
  void wait();  // until nothing is queued or running

 private:
  void run();
  std::size_t const thread_count_;
  std::size_t const queue_limit_;
  std::mutex mutex_;
  std::condition_variable task_ready_;
  std::condition_variable room_or_idle_;
  std::deque<std::function<void()>> queue_;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// A budget in bytes shared by a producer and its consumers: bounds the spool. One request larger than the whole budget
// is let through alone, when nothing else is held. take() ends with false when `stop` is requested.
class ByteBudget {
 public:
  explicit ByteBudget(std::uint64_t limit_bytes) : limit_(limit_bytes) {}
  bool take(std::uint64_t bytes, std::stop_token const& stop);
  void give_back(std::uint64_t bytes);

 private:
  std::uint64_t const limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t held_ = 0;
};

}  // namespace b2b
