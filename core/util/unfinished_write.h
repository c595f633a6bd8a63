// The temporary files of atomic_write_file(): how one begins, and how those are found that a killed process left. Who writes one holds
// flock(2) on it until it has its final name, so one that nobody holds was abandoned. Any thread, any process.
#pragma once

#include <cstddef>
#include <string>

#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

struct UnfinishedWrite {
  std::string path;  // ".b2backupd-XXXXXX.tmp" in the directory
  UniqueFd fd;       // for writing, 0600, and held
};
Result<UnfinishedWrite> begin_write(std::string const& directory);

// Removes those in the directory that nobody holds, and says how many. None where there is no such directory. Where the file system has
// no locks nothing is removed. Errors: of looking at the directory or of removing.
Result<std::size_t> remove_abandoned_writes(std::string const& directory);

}  // namespace b2b
