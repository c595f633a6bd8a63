#include "core/engine/snapshot_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/util/file.h"

namespace b2b {
namespace {

char const* const any_name = "any";  // no snapshot has that id

// Is the file that we have open still the one of that name?
bool is_current(int fd, std::string const& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

}  // namespace

Result<std::optional<SnapshotUse>> SnapshotUse::take(std::string const& data_dir, std::string name, int how) {
  std::string const folder = join_path(data_dir, "in-use");
  B2B_TRY(make_directories(folder, 0700));
  std::replace(name.begin(), name.end(), '/', '+');  // a safety snapshot's
  std::string const path = join_path(folder, name);
  for (;;) {
    B2B_ASSIGN(UniqueFd fd, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, "open the lock file", 0600));
    if (::flock(fd.get(), how | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return errno_error(errno, "lock", path);
      return std::optional<SnapshotUse>();
    }
    // The last holder removes the file; one that had it open already would hold a lock that nobody sees.
    if (is_current(fd.get(), path)) return std::optional<SnapshotUse>(SnapshotUse(std::move(fd), path));
  }
}

Result<SnapshotUse> SnapshotUse::begin(std::string const& data_dir, SnapshotId const& id) {
  B2B_ASSIGN(auto taken, take(data_dir, id.text, LOCK_SH));
  if (taken) return std::move(*taken);
  Error error = make_error(Condition::busy, "snapshot " + id.text + " is being removed by a prune", "Choose another one: daemonctl snapshots", id.text);
  error.retryable = true;
  return error;
}

Result<SnapshotUse> SnapshotUse::begin_any(std::string const& data_dir) {
  B2B_ASSIGN(auto taken, take(data_dir, any_name, LOCK_SH));
  if (taken) return std::move(*taken);
  Error error = make_error(Condition::busy, "a prune is removing a snapshot, and bodies that are needed may lie under it",
                           "Wait until it is done and try again");
  error.retryable = true;
  return error;
}

Result<std::optional<SnapshotUse>> SnapshotUse::begin_removal(std::string const& data_dir, SnapshotId const& id) {
  using Taken = std::optional<SnapshotUse>;
  B2B_ASSIGN(auto any, take(data_dir, any_name, LOCK_EX));
  if (!any) return Taken();
  B2B_ASSIGN(auto taken, take(data_dir, id.text, LOCK_EX));
  if (taken) taken->also_ = std::make_unique<SnapshotUse>(std::move(*any));
  return taken;
}

SnapshotUse::~SnapshotUse() {
  if (fd_ && ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path_.c_str());
}

}  // namespace b2b
