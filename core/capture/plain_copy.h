// Copies one file, or a few that belong together, byte by byte, and says whether they held still meanwhile.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/crypto/hash.h"
#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

// A file that is open for copying, as it was when it was opened.
struct LiveFile {
  std::string path;
  UniqueFd fd;
  struct stat before {};
  std::uint64_t size() const { return static_cast<std::uint64_t>(before.st_size); }
};

// Opens a regular file without following a link in its last component (or, with `root_bytes`, in any below the root) and
// without waiting for a FIFO's other end. The error's system_errno tells why; unsupported: it is no regular file.
Result<LiveFile> open_live(std::string const& path, std::size_t root_bytes);

struct CopyAttempt {
  enum class Verdict {
    stable,      // what was written is what the files held at one moment
    grew,        // the only change: the file is longer now; the first `sizes[0]` bytes were read twice and are the same
    changed,     // anything else happened; what was written is worth nothing
    unreadable,  // read_errno says why
  };
  Verdict verdict = Verdict::changed;
  int read_errno = 0;
  std::vector<std::uint64_t> sizes;   // copied, per file
  std::vector<Sha256Digest> hashes;
};

// Takes the bytes of file number `index`, in order, all of one file before the next.
using CopyTarget = std::function<Result<void>(std::size_t index, std::span<std::uint8_t const> bytes)>;

// Copies every file up to the size it had when it was opened, then looks at all of them again. `wall_now_ns`: the wall
// clock now; a file that changed in the last moment is read twice, since its times are too coarse to tell a second change.
// Errors: what `target` returned; cancelled.
Result<CopyAttempt> copy_once(std::vector<LiveFile>& files, CopyTarget const& target, std::int64_t wall_now_ns,
                              std::stop_token const& stop);

// Waits a little before try number `attempt` (1, 2, …), longer each time, so that a writer in the middle of its work
// can end it. Returns at once on stop.
void wait_for_writer(unsigned attempt, std::stop_token const& stop);

}  // namespace b2b
