#include "core/util/rotating_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/file.h"

namespace b2b {
namespace {

constexpr int attempts_max = 3;  // the file may be rotated by another process between any two steps

Error not_ours(std::string const& path, std::string_view what) {
  return make_error(Condition::refused,
                    "the log file " + path + " " + std::string(what) + ", so nothing is written to it",
                    "Name another file, or remove this one", path);
}

class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd), held_(::flock(fd, LOCK_EX | LOCK_NB) == 0) {}
  FileLock(FileLock const&) = delete;
  FileLock& operator=(FileLock const&) = delete;
  ~FileLock() {
    if (held_) ::flock(fd_, LOCK_UN);
  }
  bool held() const { return held_; }

 private:
  int fd_;
  bool held_;
};

}  // namespace

Result<RotatingFile> RotatingFile::open(std::string path, Limits limits) {
  limits.files_max = std::max(limits.files_max, 1u);
  RotatingFile file(std::move(path), limits);
  B2B_TRY(make_directories(parent_path(file.path_)));
  B2B_TRY(file.open_current());
  return file;
}

Result<void> RotatingFile::open_current() {
  // Non-blocking, so that a pipe put there by somebody is refused instead of waited for.
  auto opened = open_file(path_, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                          "open the log file", 0600);
  if (!opened) {
    if (opened.error().system_errno == ELOOP) return not_ours(path_, "is a symbolic link");
    if (opened.error().system_errno == ENXIO) return not_ours(path_, "is not a regular file");
    return opened.error();
  }
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0) return errno_error(errno, "look at the log file", path_);
  if (!S_ISREG(status.st_mode)) return not_ours(path_, "is not a regular file");
  if (status.st_uid != ::geteuid()) return not_ours(path_, "belongs to another user");
  if (status.st_nlink > 1) return not_ours(path_, "has another name too (a hard link)");
  if ((status.st_mode & 07777) != 0600 && ::fchmod(opened->get(), 0600) != 0)
    return errno_error(errno, "set the permissions of the log file", path_);
  // Whoever wrote here last may have been stopped within a line.
  char last = '\n';
  torn_ = status.st_size > 0 && ::pread(opened->get(), &last, 1, status.st_size - 1) == 1 && last != '\n';
  file_ = std::move(*opened);
  return {};
}

Result<bool> RotatingFile::still_current() const {
  struct stat named {};
  struct stat held {};
  if (::lstat(path_.c_str(), &named) != 0) {
    if (errno == ENOENT) return false;
    return errno_error(errno, "look at the log file", path_);
  }
  if (::fstat(file_.get(), &held) != 0) return errno_error(errno, "look at the log file", path_);
  return named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

Result<void> RotatingFile::rotate() {
  for (unsigned number = limits_.files_max - 1; number > 0; --number) {
    std::string const from = number == 1 ? path_ : path_ + "." + std::to_string(number - 1);
    std::string const to = path_ + "." + std::to_string(number);
    if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
      return errno_error(errno, "set aside the log file", from);
  }
  if (limits_.files_max == 1 && ::unlink(path_.c_str()) != 0 && errno != ENOENT)
    return errno_error(errno, "remove the full log file", path_);
  return {};
}

Result<void> RotatingFile::append(std::string_view line) {
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    bool current = false;
    if (file_) {
      B2B_ASSIGN(current, still_current());
    }
    if (!current) B2B_TRY(open_current());
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) return errno_error(errno, "look at the log file", path_);
    auto const size = static_cast<std::uint64_t>(status.st_size);
    if (size == 0 || size + line.size() <= limits_.file_bytes_max) break;
    FileLock const lock(file_.get());
    if (!lock.held()) break;  // another process sets it aside at this moment; one more line does no harm
    B2B_ASSIGN(current, still_current());
    if (!current) continue;
    B2B_TRY(rotate());
  }
  std::string const text = (torn_ ? "\n" : "") + std::string(line);
  struct stat before {};
  auto const written = ::fstat(file_.get(), &before) == 0
                           ? write_all(file_.get(), as_bytes(text), path_)
                           : Result<void>(errno_error(errno, "look at the log file", path_));
  if (written) {
    torn_ = false;
    return {};
  }
  struct stat after {};
  if (::fstat(file_.get(), &after) == 0 && after.st_size > before.st_size) torn_ = true;
  return written.error();
}

}  // namespace b2b
