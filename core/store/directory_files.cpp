#include "core/store/directory_files.h"

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cerrno>
#include <memory>

#include "core/util/file.h"

namespace b2b::directory {
namespace {

constexpr std::size_t buffer_bytes = 128 << 10;
constexpr std::uint64_t copy_step_bytes = 16 << 20;  // between two looks at the stop token

// "a/b/c" → "a", and "b/c" stays.
std::string take_segment(std::string_view& rest) {
  auto const slash = rest.find('/');
  std::string segment(rest.substr(0, slash));
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  return segment;
}

UniqueFd open_one(int folder, char const* name, int flags) {
  int fd = -1;
  do {
    fd = ::openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return UniqueFd(fd);
}

bool is_disk_gone(int error) {
  return error == EIO || error == ENODEV || error == ENXIO || error == ESTALE || error == ENOTCONN ||
         error == ETIMEDOUT || error == EHOSTDOWN || error == ESHUTDOWN;
}

#ifdef __linux__
// copy_file_range(2) answers these for file systems that cannot; nothing was copied then.
bool wants_plain_copy(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

// How many bytes the kernel copied by itself; 0 when it cannot.
Result<std::uint64_t> copy_in_kernel(int from, int to, std::uint64_t size, std::string_view path,
                                     std::stop_token const& stop) {
  std::uint64_t done = 0;
  while (done < size && !stop.stop_requested()) {
    auto const step = static_cast<std::size_t>(std::min(size - done, copy_step_bytes));
    ssize_t const copied = ::copy_file_range(from, nullptr, to, nullptr, step, 0);
    if (copied == 0) break;
    if (copied < 0) {
      if (errno == EINTR) continue;
      if (done == 0 && wants_plain_copy(errno)) break;
      return file_error(errno, "copy to", path);
    }
    done += static_cast<std::uint64_t>(copied);
  }
  return done;
}
#endif

}  // namespace

bool is_reserved(std::string_view key) {
  return key.starts_with(temporary_folder) &&
         (key.size() == temporary_folder.size() || key[temporary_folder.size()] == '/');
}

TimePoint time_of(timespec const& time) {
  return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

std::string_view folder_of(std::string_view key) {
  auto const slash = key.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : key.substr(0, slash);
}

Error as_file_error(Error error) {
  if (is_disk_gone(error.system_errno)) {
    error.condition = Condition::unreachable;
    error.advice = "Is the disk still connected and healthy? The system's log (dmesg) may say more";
  } else if (error.system_errno == ENAMETOOLONG || error.system_errno == EILSEQ) {
    error.condition = Condition::unsupported;
    error.advice =
        "The file system of the store cannot hold this name; use one that takes 250 bytes (ext4, xfs)";
  } else if (error.system_errno == EMFILE || error.system_errno == ENFILE) {
    error.advice = "Raise the limit of open files (ulimit -n)";
  }
  return error;
}

Error file_error(int saved_errno, std::string_view doing, std::string_view path) {
  return as_file_error(errno_error(saved_errno, doing, path));
}

UniqueFd open_beneath_by_segments(int folder, std::string_view relative, int flags) {
  if (relative.empty()) return open_one(folder, ".", flags);
  UniqueFd current;
  int at = folder;
  while (true) {
    std::string const segment = take_segment(relative);
    if (relative.empty()) return open_one(at, segment.c_str(), flags);
    UniqueFd next = open_one(at, segment.c_str(), O_RDONLY | O_DIRECTORY);
    if (!next) return next;
    current = std::move(next);
    at = current.get();
  }
}

UniqueFd open_beneath(int folder, std::string const& relative, int flags) {
#ifdef __linux__
  // One call instead of one per segment. Old kernels and some sandboxes do not have it.
  static std::atomic<bool> missing{false};
  if (!missing.load(std::memory_order_relaxed)) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_NOFOLLOW | O_CLOEXEC));
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    char const* const name = relative.empty() ? "." : relative.c_str();
    long fd = -1;
    do {
      fd = ::syscall(SYS_openat2, folder, name, &how, sizeof how);
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != ENOSYS && errno != EPERM) return UniqueFd();
    if (errno == ENOSYS) missing.store(true, std::memory_order_relaxed);
  }
#endif
  return open_beneath_by_segments(folder, relative, flags);
}

bool make_folders_beneath(int folder, std::string_view relative) {
  UniqueFd current;
  int at = folder;
  while (!relative.empty()) {
    std::string const segment = take_segment(relative);
    UniqueFd next = open_one(at, segment.c_str(), O_RDONLY | O_DIRECTORY);
    if (!next && errno == ENOENT) {
      if (::mkdirat(at, segment.c_str(), 0700) != 0 && errno != EEXIST) return false;
      next = open_one(at, segment.c_str(), O_RDONLY | O_DIRECTORY);
    }
    if (!next) return false;
    current = std::move(next);
    at = current.get();
  }
  return true;
}

bool syncs_file_systems() {
#ifdef __linux__
  return true;
#else
  return false;
#endif
}

Result<void> sync_file_system(int fd, std::string_view path) {
#ifdef __linux__
  if (::syncfs(fd) != 0) return file_error(errno, "write to the disk what was stored in", path);
  return {};
#else
  return fsync_file(fd, path);
#endif
}

Result<void> copy_bytes(int from, int to, std::uint64_t size, std::string_view path,
                        std::stop_token const& stop) {
  std::uint64_t done = 0;
#ifdef __linux__
  B2B_ASSIGN(done, copy_in_kernel(from, to, size, path, stop));
#endif
  auto const buffer = std::make_unique_for_overwrite<std::uint8_t[]>(buffer_bytes);
  while (done < size) {
    if (stop.stop_requested())
      return make_error(Condition::cancelled, "stopped while copying to " + std::string(path), {},
                        std::string(path));
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(size - done, buffer_bytes));
    auto const got = read_some(from, {buffer.get(), wanted}, path);
    if (!got) return as_file_error(got.error());
    if (*got == 0)
      return make_error(Condition::changed,
                        "the object became shorter while it was copied to " + std::string(path), "Try again",
                        std::string(path));
    if (auto const written = write_all(to, {buffer.get(), *got}, path); !written)
      return as_file_error(written.error());
    done += *got;
  }
  return {};
}

Result<void> close_checked(UniqueFd fd, std::string_view path) {
  if (::close(fd.release()) != 0 && errno != EINTR) return file_error(errno, "finish writing", path);
  return {};
}

}  // namespace b2b::directory
