#include "core/engine/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/util/file.h"

namespace b2b {

Result<UniqueFd> lock_file(std::string const& path, std::string_view purpose, std::string const& taken) {
  B2B_ASSIGN(UniqueFd fd, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, "open the lock file", 0600));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error(errno, "lock", path);
    std::array<char, 256> holder{};
    ssize_t const n = ::pread(fd.get(), holder.data(), holder.size() - 1, 0);
    std::string who = n > 0 ? std::string(holder.data(), static_cast<std::size_t>(n)) : std::string();
    while (!who.empty() && who.back() == '\n') who.pop_back();
    Error error = make_error(Condition::busy, taken + (who.empty() ? std::string() : " (" + printable(who) + ")"),
                             "Wait until it is done and try again", path);
    error.retryable = true;
    return error;
  }
  std::string const text = "pid " + std::to_string(::getpid()) + ", " + std::string(purpose) + "\n";
  if (::ftruncate(fd.get(), 0) != 0) return errno_error(errno, "write", path);
  B2B_TRY(write_all(fd.get(), as_bytes(text), path));
  return fd;
}

Result<DataLock> DataLock::acquire(std::string const& state_dir, std::string_view purpose) {
  if (!path_exists(state_dir))
    return make_error(Condition::not_found, "the state directory " + state_dir + " does not exist",
                      "Set stateDir (or OPENCLAW_STATE_DIR) to the directory that holds openclaw.json", state_dir);
  std::string const directory = join_path(state_dir, "b2backupd");
  B2B_TRY(make_directories(directory, 0700));
  B2B_ASSIGN(UniqueFd fd, lock_file(join_path(directory, "lock"), purpose, "another b2backupd job is at work on " + state_dir));
  return DataLock(std::move(fd));
}

}  // namespace b2b
