// A private place for what a job downloads or puts together, gone with its owner. A job that was killed leaves it behind, perhaps with packs of
// many megabytes: its owner holds flock(2) on it, so one that nobody holds was abandoned, and the next job removes it. Any thread, any process.
#pragma once

#include <string>
#include <utility>

#include "core/util/fd.h"
#include "core/util/file.h"

namespace b2b {

class ScratchFolder {
 public:
  // In `parent`, 0700. Those in it that were abandoned are removed first, and a failure of that only goes to the log; where the file system has no locks
  // nothing is.
  static Result<ScratchFolder> create(std::string const& parent);
  std::string const& path() const { return folder_.path(); }

 private:
  ScratchFolder(UniqueFd held, TemporaryDirectory folder) : held_(std::move(held)), folder_(std::move(folder)) {}
  UniqueFd held_;   // until the folder is gone
  TemporaryDirectory folder_;
};

}  // namespace b2b
