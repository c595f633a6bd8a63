// The calls of the system that can run out of something: a seam, so that tests can run out at will. Failures are errno
// values, negated.
#pragma once

#include <cstdint>
#include <string>

namespace b2b {

class WatchSystem {
 public:
  virtual ~WatchSystem() = default;
  virtual int open() = 0;                                                        // a non-blocking inotify descriptor
  virtual int add(int fd, std::string const& path, std::uint32_t mask) = 0;      // the watch's number
  virtual void remove(int fd, int watch) = 0;                                    // an event IN_IGNORED follows
  virtual std::uint64_t limit(std::string const& name) = 0;                      // fs.inotify.<name>; 0: unknown
};

WatchSystem& real_watch_system();  // stateless

}  // namespace b2b
