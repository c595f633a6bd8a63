// Takes what a pattern names out of every packed snapshot under the prefix: for a file that should never have been backed up. The snapshots keep
// their ids and all else. Those in the plugin's layout are looked at and left as they are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/verify.h"

namespace b2b {

struct ForgetOptions {
  std::vector<std::string> paths;   // globs (core/util/glob.h), over paths as a snapshot has them; what covers a directory covers all below
  bool dry_run = false;
};

struct ForgottenIn {
  std::string snapshot;
  std::uint64_t entries = 0;        // files, directories and symbolic links
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;          // of the files
};

struct ForgetReport {
  std::vector<ForgottenIn> snapshots;      // those that held some of it, oldest first
  std::vector<std::string> paths;          // what matched, in any of them: the first hundred, in order, printable
  std::uint64_t paths_total = 0;
  std::vector<VerifyProblem> problems;     // what holds it still, or may, and why
  std::vector<std::string> notes;
};

// The caller holds the upload lock, except for a dry run. The lists are written anew when this returns; contents leave the bucket with the
// collections of the days that follow. At its end it takes the data lock for a moment. What a crash leaves are whole snapshots, with those paths or
// without; doing it again does the rest.
// Errors: usage (a pattern), not_found (no snapshot holds anything of it), unsupported (only such in the plugin's layout do), refused (other
// machines' snapshots lie there, too, and this one was not given the right to prune them), busy (what waits for its upload on this machine holds it),
// the store's.
Result<ForgetReport> forget_paths(EngineContext& context, ForgetOptions const& options);

}  // namespace b2b
