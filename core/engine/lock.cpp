#include "core/engine/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "core/util/file.h"
#include "core/util/wait.h"

namespace b2b {
namespace {

constexpr std::chrono::milliseconds look_again_after{100};

// Our folder in the state directory. Agents write there: what is no real directory, or somebody else's, was planted.
Result<void> make_own_folder(std::string const& folder, std::string const& state_dir) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST && !path_exists(folder))
    return errno_error(errno, "create the directory", folder);
  auto const refused = [&](std::string_view what) {
    return make_error(Condition::refused, folder + " " + std::string(what) + ", so nothing is written there",
                      "This program keeps its lock and restored files in it. Look who made it, and remove it", folder);
  };
  UniqueFd const fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR)) return refused("is not a directory of its own (a link, or a file)");
  if (!fd) return errno_error(errno, "open the directory", folder);
  struct stat own {};
  struct stat state {};
  if (::fstat(fd.get(), &own) != 0) return errno_error(errno, "look at", folder);
  if (::stat(state_dir.c_str(), &state) != 0) return errno_error(errno, "look at", state_dir);
  if (own.st_uid != ::geteuid() && own.st_uid != state.st_uid && own.st_uid != 0) return refused("belongs to another user");
  return {};
}

// A child that is being started shares the lock until its exec; when its parent is killed just then, the lock outlives its holder by a moment.
constexpr std::chrono::milliseconds orphaned_lock_look{10};
constexpr int orphaned_lock_looks = 300;

std::string holder_in(int fd) {
  std::array<char, 256> text{};
  ssize_t const n = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string who = n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
  while (!who.empty() && who.back() == '\n') who.pop_back();
  return who;
}

// "pid 123, …" of a process that is no more.
bool is_gone(std::string_view holder) {
  constexpr std::string_view beginning = "pid ";
  if (!holder.starts_with(beginning)) return false;
  holder.remove_prefix(beginning.size());
  ::pid_t pid = 0;
  auto const read = std::from_chars(holder.data(), holder.data() + holder.size(), pid);
  return read.ec == std::errc() && pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

// False: somebody has it.
Result<bool> take(int fd, std::string const& path) {
  for (int looked = 0;; ++looked) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return errno_error(errno, "lock", path);
    if (looked == orphaned_lock_looks || !is_gone(holder_in(fd))) return false;
    wait_unless_stopped(orphaned_lock_look, {});
  }
}

}  // namespace

Result<UniqueFd> lock_file(std::string const& path, std::string_view purpose, std::string const& taken) {
  B2B_ASSIGN(UniqueFd fd, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, "open the lock file", 0600));
  B2B_ASSIGN(bool const taken_now, take(fd.get(), path));
  if (!taken_now) {
    std::string const who = holder_in(fd.get());
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
  B2B_TRY(make_own_folder(directory, state_dir));
  B2B_ASSIGN(UniqueFd fd, lock_file(join_path(directory, "lock"), purpose, "another b2backupd job is at work on " + state_dir));
  return DataLock(std::move(fd));
}

Result<DataLock> DataLock::wait(std::string const& state_dir, std::string_view purpose, Clock const& clock,
                                std::chrono::nanoseconds patience, std::stop_token const& stop) {
  auto const began = clock.monotonic();
  for (;;) {
    auto lock = acquire(state_dir, purpose);
    if (lock || lock.error().condition != Condition::busy || clock.monotonic() - began >= patience) return lock;
    if (!wait_unless_stopped(look_again_after, stop))
      return make_error(Condition::cancelled, "interrupted while waiting for another job", "Nothing was changed");
  }
}

Result<RestoreLock> RestoreLock::acquire(std::string const& data_dir, std::string const& state_dir) {
  auto held = lock_file(join_path(data_dir, "restore.lock"), "restore", "another restore of " + state_dir + " is at work");
  if (!held) return held.error();
  return RestoreLock(std::move(*held));
}

}  // namespace b2b
