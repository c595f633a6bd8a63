// Verify: every snapshot's manifest and objects are there and of the right size; with read_data every body decrypts and matches.
#pragma once

#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

struct VerifyOptions {
  std::string snapshot;          // empty: all
  bool read_data = false;
};

struct VerifyProblem {
  std::string snapshot;
  std::string path;
  std::string problem;
};

struct VerifyReport {
  std::uint64_t snapshots = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes_read = 0;
  std::vector<VerifyProblem> problems;
  std::vector<std::string> notes;
};

Result<VerifyReport> verify(EngineContext& context, VerifyOptions const& options);

}  // namespace b2b
