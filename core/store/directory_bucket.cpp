// How files come into the folder of a bucket and how empty folders leave it.
#include <array>
#include <cerrno>
#include <cstdio>
#include <random>

#include <fcntl.h>
#include <unistd.h>

#include "core/store/directory_files.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::directory {
namespace {

// How often a folder may vanish between its making and the rename into it. Each time somebody else must have
// removed it in those microseconds, so this is far beyond bad luck.
constexpr int max_install_attempts = 50'000;

std::string leaf_of(std::string const& key) {
  auto const slash = key.rfind('/');
  return slash == std::string::npos ? key : key.substr(slash + 1);
}

// A failure to give a file its name. Some file systems (FAT) answer EINVAL to characters they cannot hold.
Error name_error(int saved_errno, std::string_view doing, std::string const& path) {
  Error error = file_error(saved_errno, doing, path);
  if (saved_errno != EINVAL) return error;
  error.condition = Condition::unsupported;
  error.advice = "The file system of the store cannot hold this name; use one of Linux (ext4, xfs, btrfs)";
  return error;
}

// Process and moment, so that two processes in one bucket rarely try the same name (O_EXCL settles the rest).
std::string make_name_start() {
  std::random_device random;
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "/%ld-%08x%08x-", static_cast<long>(::getpid()), random(), random());
  return std::string(temporary_folder) + out.data();
}

}  // namespace

Bucket::Bucket(UniqueFd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)), name_start_(make_name_start()) {}

std::string Bucket::path_of(std::string_view key) const {
  return path_ + "/" + printable(key);
}

std::string Bucket::new_temporary_name() const {
  return name_start_ + std::to_string(next_name_.fetch_add(1));
}

bool Bucket::make_temporary_folder() const {
  return make_folders_beneath(fd_.get(), temporary_folder);
}

Error Bucket::removed() const {
  return make_error(Condition::unreachable, "the folder " + path_ + " was removed while it was in use",
                    "Start again: the folder is made anew then", path_);
}

Error Bucket::blocked_by_file(std::string const& key) const {
  for (auto slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) {
    std::string const above = key.substr(0, slash);
    struct stat status {};
    if (::fstatat(fd_.get(), above.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) break;
    if (S_ISDIR(status.st_mode)) continue;
    bool const is_object = S_ISREG(status.st_mode);
    return make_error(
        Condition::unsupported,
        "cannot store " + printable(key) + ": " + path_of(above) +
            (is_object ? " is an object, and a directory store cannot hold objects below another one"
                       : " is neither a file nor a folder, and links in a store are not followed"),
        is_object ? "Use another name for one of them, or a store that can hold both (S3)"
                  : "Move it out of the store",
        key);
  }
  Error error =
      make_error(Condition::changed, "the folders above " + path_of(key) + " changed while it was stored",
                 "Try again", key);
  error.retryable = true;
  return error;
}

Error Bucket::blocked_by_folder(std::string const& key) const {
  return make_error(Condition::unsupported,
                    "cannot store " + printable(key) + ": there are objects under " + printable(key) +
                        "/, and in a directory store " + path_of(key) + " is their folder",
                    "Use another name for one of them, or a store that can hold both (S3)", key);
}

Error Bucket::temporary_vanished(std::string const& key) const {
  Error error =
      make_error(Condition::changed,
                 "the temporary file of " + path_of(key) + " vanished from " + path_of(temporary_folder),
                 "Leave that folder alone while a push runs, and try again", key);
  error.retryable = true;
  return error;
}

Result<void> Bucket::install(std::string const& temporary, std::string const& key) const {
  std::string const folder(folder_of(key));
  std::string const leaf = leaf_of(key);
  for (int attempt = 0; attempt < max_install_attempts; ++attempt) {
    UniqueFd const parent = open(folder, O_RDONLY | O_DIRECTORY);
    if (!parent) {
      if (errno == ENOENT && make_folders_beneath(fd_.get(), folder)) continue;
      if (errno == ENOENT) continue;  // a folder was removed again while the next one was made
      if (errno == ENOTDIR || errno == ELOOP) return blocked_by_file(key);
      return name_error(errno, "make the folder of", path_of(key));
    }
    if (::renameat(fd_.get(), temporary.c_str(), parent.get(), leaf.c_str()) == 0) return {};
    if (errno == EISDIR) {
      // An empty folder is left over from removed objects and may go.
      if (::unlinkat(parent.get(), leaf.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTDIR)
        continue;
      return blocked_by_folder(key);
    }
    if (errno != ENOENT) return name_error(errno, "store", path_of(key));
    struct stat status {};
    if (::fstatat(fd_.get(), temporary.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return temporary_vanished(key);
  }
  struct stat status {};
  if (::fstat(fd_.get(), &status) == 0 && status.st_nlink == 0) return removed();
  return make_error(Condition::busy, "the folder of " + path_of(key) + " is removed as fast as it is made",
                    "Let one job at a time work on this store", key);
}

void Bucket::remove_empty_folders(std::string_view relative) const {
  // Whatever stops this (a folder that is not empty, a mount point) only leaves a folder, which no list
  // shows.
  for (; !relative.empty(); relative = folder_of(relative))
    if (::unlinkat(fd_.get(), std::string(relative).c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return;
}

Result<TemporaryFile> TemporaryFile::create(Bucket const& bucket) {
  while (true) {
    std::string name = bucket.new_temporary_name();
    int const fd =
        ::openat(bucket.fd(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) return TemporaryFile(bucket, UniqueFd(fd), std::move(name));
    if (errno == EEXIST || errno == EINTR) continue;
    if (errno == ENOENT && bucket.make_temporary_folder()) continue;
    if (errno == ENOENT) return bucket.removed();
    return file_error(errno, "make a temporary file in", bucket.path_of(temporary_folder));
  }
}

Result<TemporaryFile> TemporaryFile::link(Bucket const& bucket, int source_folder,
                                          std::string const& source) {
  while (true) {
    std::string name = bucket.new_temporary_name();
    if (::linkat(source_folder, source.c_str(), bucket.fd(), name.c_str(), 0) == 0)
      return TemporaryFile(bucket, UniqueFd(), std::move(name));
    int const saved = errno;
    if (saved == EEXIST) continue;
    struct stat status {};
    bool const source_exists = ::fstatat(source_folder, source.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (saved != ENOENT || !source_exists) return file_error(saved, "link", bucket.path_of(source));
    if (!bucket.make_temporary_folder()) return bucket.removed();
  }
}

TemporaryFile::~TemporaryFile() {
  if (name_.empty()) return;
  if (::unlinkat(bucket_->fd(), name_.c_str(), 0) != 0 && errno != ENOENT)
    log_warning(file_error(errno, "remove the temporary file", bucket_->path_of(name_)).text());
}

Result<void> TemporaryFile::install(std::string const& key, bool sync) {
  std::string const path = bucket_->path_of(key);
  if (sync && fd_) {
    if (auto const synced = fsync_file(fd_.get(), path); !synced) return as_file_error(synced.error());
  }
  if (fd_) B2B_TRY(close_checked(std::move(fd_), path));
  B2B_TRY(bucket_->install(name_, key));
  // Renaming a link over another name of the same file does nothing: its temporary name is still there to be
  // removed.
  if (!is_link_) name_.clear();
  return {};
}

}  // namespace b2b::directory
