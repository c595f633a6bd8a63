// The data lock: <state directory>/b2backupd/lock. Captures and swaps hold it, one process at a time; the holder's pid is
// in the file. Held with flock(2), so that it goes with its holder, however that ends.
#pragma once

#include <memory>
#include <string>

#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

// flock(2) on `path` (made when missing), with the holder's pid and `purpose` in it. busy: another process has it; the
// message is `taken` and what that process wrote.
Result<UniqueFd> lock_file(std::string const& path, std::string_view purpose, std::string const& taken);

class DataLock {
 public:
  // busy: another process holds it (message names its pid and what it does). not_found: no state directory.
  // Makes <state directory>/b2backupd/ (0700) when it is missing.
  static Result<DataLock> acquire(std::string const& state_dir, std::string_view purpose);

 private:
  explicit DataLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace b2b
