// Small file operations with one meaning each. Thread-safe (no shared state). All paths are raw bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/util/encoding.h"
#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

// Whole file as text. Fails with Condition::limit when it is longer than `max_bytes`.
Result<std::string> read_file(std::string const& path, std::uint64_t max_bytes);

// open(2) with O_CLOEXEC added; the error names `doing` and the path.
Result<UniqueFd> open_file(std::string const& path, int flags, std::string_view doing, unsigned mode = 0600);

// All of `bytes`, however many write(2) calls that takes.
Result<void> write_all(int fd, std::span<std::uint8_t const> bytes, std::string_view path_for_error);

// Up to buffer.size() bytes; fewer only at the end of the file.
Result<std::size_t> read_some(int fd, std::span<std::uint8_t> buffer, std::string_view path_for_error);

Result<void> fsync_file(int fd, std::string_view path_for_error);       // F_FULLFSYNC on macOS
Result<void> fsync_directory(std::string const& path);

// mkdir -p; directories it makes get `mode`. An existing directory is fine, anything else there is an error.
Result<void> make_directories(std::string const& path, unsigned mode = 0700);

// rm -r without following symlinks. A path that does not exist is fine.
Result<void> remove_tree(std::string const& path);

// The new content appears under `path` whole and durable, or not at all: temporary file in the same directory, write,
// fsync, close, rename, fsync of the directory; the temporary is removed on failure.
Result<void> atomic_write_file(std::string const& path, std::string_view content, unsigned mode = 0600);

// Free bytes for an unprivileged user on the file system that holds `path` (which must exist).
Result<std::uint64_t> free_space(std::string const& path);

bool path_exists(std::string const& path);                               // lstat: a dangling symlink exists
std::string join_path(std::string_view a, std::string_view b);           // one '/' between; b is returned as it is when a is empty
std::string parent_path(std::string_view path);                          // "" for a single component
std::string base_name(std::string_view path);

// A private directory (0700) made by mkdtemp(3) under `parent`, removed with all it holds on destruction.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> create(std::string const& parent, std::string_view name_prefix);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory();
  std::string const& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace b2b
