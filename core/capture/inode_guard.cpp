#include "core/capture/inode_guard.h"

#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <set>

namespace b2b {
namespace {

struct Registry {
  std::mutex mutex;
  std::condition_variable released;
  std::set<std::pair<std::uint64_t, std::uint64_t>> held;
};

Registry& registry() {
  static Registry one;
  return one;
}

}  // namespace

InodeGuard::InodeGuard(std::string const& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  file_ = {status.st_dev, status.st_ino};
  Registry& r = registry();
  std::unique_lock lock(r.mutex);
  r.released.wait(lock, [&] { return !r.held.contains(file_); });
  r.held.insert(file_);
  held_ = true;
}

InodeGuard::~InodeGuard() {
  if (!held_) return;
  Registry& r = registry();
  {
    std::scoped_lock const lock(r.mutex);
    r.held.erase(file_);
  }
  r.released.notify_all();
}

}  // namespace b2b
