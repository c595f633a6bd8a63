#include "core/watch/watch_system.h"

#include <sys/inotify.h>

#include <cerrno>
#include <charconv>

#include "core/util/file.h"

namespace b2b {
namespace {

class RealWatchSystem final : public WatchSystem {
 public:
  int open() override {
    int const fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd >= 0 ? fd : -errno;
  }
  int add(int fd, std::string const& path, std::uint32_t mask) override {
    int const watch = ::inotify_add_watch(fd, path.c_str(), mask);
    return watch >= 0 ? watch : -errno;
  }
  void remove(int fd, int watch) override { ::inotify_rm_watch(fd, watch); }  // fails for one that the kernel removed first
  std::uint64_t limit(std::string const& name) override {
    std::uint64_t value = 0;
    auto const text = read_file("/proc/sys/fs/inotify/" + name, 64);
    if (text) std::from_chars(text->data(), text->data() + text->size(), value);
    return value;
  }
};

}  // namespace

WatchSystem& real_watch_system() {
  static RealWatchSystem system;
  return system;
}

}  // namespace b2b
