// A file that lines are appended to and that is set aside when it grows: PATH, then PATH.1 (newer) to PATH.N (older).
//
// Rotation is by renames under flock(2), so that several processes may write to the same file, and somebody else's rotation
// (or removal) of it is noticed before each line. Only a regular file of our own user, with no other hard links and not
// behind a symlink, is written to; its mode is made 0600. Not thread-safe. Never logs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

class RotatingFile {
 public:
  struct Limits {
    std::uint64_t file_bytes_max = 5ull << 20;  // set aside before it would be longer; one line may be longer
    unsigned files_max = 5;                     // with the current one; at least 1
  };

  // Makes the directory (0700) when it is missing. `path` is absolute.
  static Result<RotatingFile> open(std::string path, Limits limits);

  // One whole line with its line break. On failure nothing of this line counts as written: what a full disk left of it is
  // ended with a line break before the next one. A rotation that fails is a failure, so that the file stays bounded; the
  // next line tries again.
  Result<void> append(std::string_view line);

  std::string const& path() const { return path_; }

 private:
  RotatingFile(std::string path, Limits limits) : path_(std::move(path)), limits_(limits) {}
  Result<void> open_current();
  Result<bool> still_current() const;
  Result<void> rotate();

  std::string path_;
  Limits limits_;
  UniqueFd file_;
  bool torn_ = false;  // the last write ended within a line
};

}  // namespace b2b
