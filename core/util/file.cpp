#include "core/util/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/util/log.h"
#include "core/util/unfinished_write.h"

namespace b2b {
namespace {

// Path without slashes at its end; "/" stays.
std::string_view without_trailing_slashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

// A path for open(2) that names the directory `path` is in.
std::string directory_of(std::string_view path) {
  std::string const parent = parent_path(path);
  return parent.empty() ? "." : parent;
}

// Closes and reports what close(2) says: network file systems keep write errors back until then.
Result<void> close_checked(UniqueFd fd, std::string_view path) {
  if (::close(fd.release()) != 0 && errno != EINTR) return errno_error(errno, "finish writing", path);
  return {};
}

// Removes a file when it goes, unless kept.
class RemoveOnFailure {
 public:
  explicit RemoveOnFailure(std::string const& path) : path_(path) {}
  RemoveOnFailure(RemoveOnFailure const&) = delete;
  RemoveOnFailure& operator=(RemoveOnFailure const&) = delete;
  ~RemoveOnFailure() {
    if (armed_ && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
      log_warning(errno_error(errno, "remove the temporary file", path_).text());
  }
  void keep() { armed_ = false; }

 private:
  std::string const& path_;
  bool armed_ = true;
};

}  // namespace

Result<UniqueFd> open_file(std::string const& path, int flags, std::string_view doing, unsigned mode) {
  for (;;) {
    int const fd = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode));
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EINTR) return errno_error(errno, doing, path);
  }
}

Result<void> write_all(int fd, std::span<std::uint8_t const> bytes, std::string_view path_for_error) {
  while (!bytes.empty()) {
    ssize_t const written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno_error(errno, "write to", path_for_error);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::size_t> read_some(int fd, std::span<std::uint8_t> buffer, std::string_view path_for_error) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    ssize_t const got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      return errno_error(errno, "read", path_for_error);
    }
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<std::string> read_file(std::string const& path, std::uint64_t max_bytes) {
  // A pipe would keep us waiting for whoever might write to it.
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY | O_NONBLOCK, "open"));
  std::string content;
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "look at", path);
  if (S_ISDIR(status.st_mode)) return errno_error(EISDIR, "read", path);
  if (!S_ISREG(status.st_mode))
    return make_error(Condition::unsupported, path + " is not a regular file", "Check that it is the right file", path);
  content.reserve(static_cast<std::size_t>(std::min(static_cast<std::uint64_t>(status.st_size), max_bytes)));
  std::vector<std::uint8_t> buffer(64 * 1024);
  for (;;) {
    B2B_ASSIGN(std::size_t const got, read_some(fd.get(), buffer, path));
    if (got > max_bytes - content.size())
      return make_error(Condition::limit, path + " is longer than the " + std::to_string(max_bytes) + " bytes expected of it",
                        "Check that it is the right file", path);
    content.append(as_text({buffer.data(), got}));
    if (got < buffer.size()) return content;
  }
}

Result<void> fsync_file(int fd, std::string_view path_for_error) {
#ifdef F_FULLFSYNC
  // fsync(2) on macOS leaves data in the drive's cache. Network file systems refuse F_FULLFSYNC: fall through there.
  if (::fcntl(fd, F_FULLFSYNC) == 0) return {};
#endif
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return errno_error(errno, "write to the disk", path_for_error);
  }
  return {};
}

Result<void> fsync_directory(std::string const& path) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY | O_DIRECTORY, "open the directory"));
  auto synced = fsync_file(fd.get(), path);
  // Some file systems have nothing to sync for a directory and say so with EINVAL.
  if (!synced && synced.error().system_errno != EINVAL) return synced;
  return {};
}

Result<void> make_directories(std::string const& path, unsigned mode) {
  std::string_view const whole = without_trailing_slashes(path);
  if (whole.empty()) return make_error(Condition::internal, "cannot create a directory without a name");
  for (std::size_t end = 0; end != whole.size();) {
    end = std::min(whole.find('/', end + 1), whole.size());
    std::string const prefix(whole.substr(0, end));
    if (::mkdir(prefix.c_str(), static_cast<mode_t>(mode)) == 0) {
      // mkdir(2) subtracts the umask; the caller's mode is meant as it stands.
      if (::chmod(prefix.c_str(), static_cast<mode_t>(mode)) != 0)
        return errno_error(errno, "set the mode of the directory", prefix);
      continue;
    }
    // Read-only file systems and automounts answer other things than EEXIST for what is there.
    int const saved = errno;
    struct stat status {};
    if (::stat(prefix.c_str(), &status) == 0) {
      if (S_ISDIR(status.st_mode)) continue;
      return errno_error(ENOTDIR, "create the directory", prefix);
    }
    return errno_error(saved, "create the directory", prefix);
  }
  return {};
}

Result<void> atomic_write_file(std::string const& path, std::string_view content, unsigned mode) {
  std::string const directory = directory_of(path);
  B2B_ASSIGN(UnfinishedWrite write, begin_write(directory));
  std::string const& temporary = write.path;
  RemoveOnFailure cleanup(temporary);
  // Another descriptor of the same open file: it is held until it has its name.
  UniqueFd const holder(::fcntl(write.fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!holder) return errno_error(errno, "hold", temporary);
  if (::fchmod(write.fd.get(), static_cast<mode_t>(mode)) != 0) return errno_error(errno, "set the mode of", temporary);
  B2B_TRY(write_all(write.fd.get(), as_bytes(content), path));
  B2B_TRY(fsync_file(write.fd.get(), path));
  B2B_TRY(close_checked(std::move(write.fd), path));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return errno_error(errno, "replace", path);
  cleanup.keep();
  return fsync_directory(directory);
}

Result<std::uint64_t> free_space(std::string const& path) {
  struct statvfs status {};
  while (::statvfs(path.c_str(), &status) != 0) {
    if (errno != EINTR) return errno_error(errno, "ask for the free space of", path);
  }
  return std::uint64_t{status.f_bavail} * std::uint64_t{status.f_frsize};
}

bool path_exists(std::string const& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

std::string join_path(std::string_view a, std::string_view b) {
  if (a.empty()) return std::string(b);
  while (!b.empty() && b.front() == '/') b.remove_prefix(1);
  std::string joined(without_trailing_slashes(a));
  if (b.empty()) return joined;
  if (joined.back() != '/') joined += '/';
  joined += b;
  return joined;
}

std::string parent_path(std::string_view path) {
  path = without_trailing_slashes(path);
  auto const slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return std::string(without_trailing_slashes(path.substr(0, std::max<std::size_t>(slash, 1))));
}

std::string base_name(std::string_view path) {
  path = without_trailing_slashes(path);
  auto const slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

Result<TemporaryDirectory> TemporaryDirectory::create(std::string const& parent, std::string_view name_prefix) {
  std::string path = join_path(parent, std::string(name_prefix) + "XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) return errno_error(errno, "create a temporary directory in", parent);
  return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  auto const removed = remove_tree(path_);
  if (!removed) log_warning(removed.error().text());
}

}  // namespace b2b
