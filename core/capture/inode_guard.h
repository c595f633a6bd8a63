// One database file, one user of it in this process at a time.
//
// POSIX locks belong to the process and the file, and closing any descriptor of the file drops them all, those of
// a SQLite connection elsewhere in the process included. So whoever opens a file that may be a database holds its guard
// from before the open until after the close. The guard goes by device and inode: hard links are one file.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace b2b {

class InodeGuard {
 public:
  // Waits until no other guard is held for the file that `path` names now. A path that names nothing is not guarded.
  // A thread must not ask for a second guard of the same file while it holds one.
  explicit InodeGuard(std::string const& path);
  ~InodeGuard();
  InodeGuard(InodeGuard const&) = delete;
  InodeGuard& operator=(InodeGuard const&) = delete;

 private:
  bool held_ = false;
  std::pair<std::uint64_t, std::uint64_t> file_{};
};

}  // namespace b2b
