#include "core/util/wait.h"

#include <condition_variable>
#include <mutex>

namespace b2b {

bool wait_unless_stopped(std::chrono::nanoseconds wait, std::stop_token const& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, wait, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace b2b
