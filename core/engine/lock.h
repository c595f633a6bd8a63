// The data lock: <state directory>/b2backupd/lock. Captures and swaps hold it, one process at a time; the holder's pid is
// in the file. Held with flock(2), so that it goes with its holder, however that ends.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

// flock(2) on `path` (made when missing), with the holder's pid and `purpose` in it. busy: another process has it; the
// message is `taken` and what that process wrote. One whose holder has died is waited for, up to 3 s: a child on its way to exec may still share it.
Result<UniqueFd> lock_file(std::string const& path, std::string_view purpose, std::string const& taken);

class DataLock {
 public:
  // busy: another process holds it (message names its pid and what it does). not_found: no state directory.
  // Makes <state directory>/b2backupd/ (0700) when it is missing.
  static Result<DataLock> acquire(std::string const& state_dir, std::string_view purpose);
  // The same, but waits for the holder. busy: still held after `patience`. cancelled.
  static Result<DataLock> wait(std::string const& state_dir, std::string_view purpose, Clock const& clock,
                               std::chrono::nanoseconds patience, std::stop_token const& stop);

 private:
  explicit DataLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// One restore in place at a time: <data directory of the instance>/restore.lock, held while it fetches, too, when the
// data lock is free. Goes with its holder, however that ends.
class RestoreLock {
 public:
  // busy: another restore of `state_dir` (for the message) is at work.
  static Result<RestoreLock> acquire(std::string const& data_dir, std::string const& state_dir);

 private:
  explicit RestoreLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace b2b
