// What the directory store does to files, below one open folder and without ever following a symbolic link
// there. POSIX only. Thread-safe. Calls that return bool or a UniqueFd leave the reason of a failure in
// errno.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b::directory {

// Holds what is not finished. No key may begin with this segment, and lists leave it out.
inline constexpr std::string_view temporary_folder = ".b2backupd-tmp";
bool is_reserved(std::string_view key);

TimePoint time_of(timespec const& time);

// "a/b" of "a/b/c"; "" of "c".
std::string_view folder_of(std::string_view key);

// errno_error(), with what a disk that went away answers as Condition::unreachable.
Error file_error(int saved_errno, std::string_view doing, std::string_view path);
// The same distinction for errors made elsewhere.
Error as_file_error(Error error);

// Opens `relative` ("" is the folder itself) with `flags`; a symbolic link in any place fails with ELOOP or
// ENOTDIR.
UniqueFd open_beneath(int folder, std::string const& relative, int flags);
// The same one segment at a time, for systems that cannot do it in one call.
UniqueFd open_beneath_by_segments(int folder, std::string_view relative, int flags);
// mkdir -p (0700) below `folder`.
bool make_folders_beneath(int folder, std::string_view relative);

// True where sync_file_system() makes everything written before durable; elsewhere each file is synced by
// itself.
bool syncs_file_systems();
Result<void> sync_file_system(int fd, std::string_view path);

// Copies `size` bytes; Condition::changed when the source ends before.
Result<void> copy_bytes(int from, int to, std::uint64_t size, std::string_view path,
                        std::stop_token const& stop);

// close(2) with its answer: network file systems keep write errors back until then.
Result<void> close_checked(UniqueFd fd, std::string_view path);

// The open folder of a bucket.
class Bucket {
 public:
  Bucket(UniqueFd fd, std::string path);
  int fd() const { return fd_.get(); }
  std::string const& path() const { return path_; }
  std::string path_of(std::string_view key) const;  // for messages

  UniqueFd open(std::string const& relative, int flags) const {
    return open_beneath(fd_.get(), relative, flags);
  }

  // A name in the temporary folder that nothing else uses, relative to the bucket.
  std::string new_temporary_name() const;
  // Makes the temporary folder; true when it is there afterwards and is a real folder.
  bool make_temporary_folder() const;

  // Renames a temporary file to `key`, making the folders above and replacing a file of that name. A folder
  // above that somebody removes meanwhile is made again.
  Result<void> install(std::string const& temporary, std::string const& key) const;

  // Removes `relative` and the folders above it as far as they are empty. Never the bucket.
  void remove_empty_folders(std::string_view relative) const;

  Error removed() const;  // Condition::unreachable: somebody removed the bucket's folder

 private:
  Error blocked_by_file(std::string const& key) const;
  Error blocked_by_folder(std::string const& key) const;
  Error temporary_vanished(std::string const& key) const;

  UniqueFd fd_;
  std::string path_;
  std::string name_start_;
  mutable std::atomic<std::uint64_t> next_name_{0};
};

// A new, empty file in the temporary folder; removed when it goes, unless installed.
class TemporaryFile {
 public:
  static Result<TemporaryFile> create(Bucket const& bucket);
  // A second name of `source`, which lies in the open folder `source_folder`. Fails with the errno of
  // linkat(2) in Error::system_errno.
  static Result<TemporaryFile> link(Bucket const& bucket, int source_folder, std::string const& source);
  TemporaryFile(TemporaryFile&& other) noexcept
      : bucket_(other.bucket_),
        fd_(std::move(other.fd_)),
        is_link_(other.is_link_),
        name_(std::exchange(other.name_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  int fd() const { return fd_.get(); }  // -1 for a link
  std::string const& name() const { return name_; }
  // Gives the file its key. `sync` first makes its bytes durable.
  Result<void> install(std::string const& key, bool sync);

 private:
  TemporaryFile(Bucket const& bucket, UniqueFd fd, std::string name)
      : bucket_(&bucket), fd_(std::move(fd)), is_link_(!fd_), name_(std::move(name)) {}
  Bucket const* bucket_;
  UniqueFd fd_;
  bool is_link_;
  std::string name_;  // empty: nothing to remove
};

}  // namespace b2b::directory
