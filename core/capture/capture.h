// Copies one thing out of the live state, consistently: what is hashed is what is uploaded, both come from the copy.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/capture/scan.h"
#include "core/capture/spool.h"
#include "core/util/byte_stream.h"
#include "core/util/clock.h"

namespace b2b {

struct CaptureOptions {
  bool scrub_secrets = true;          // remove the secret tables and rows from database copies
  bool encrypted_store = true;        // bodies are encrypted before they leave: a damaged database, which cannot be
                                      // scrubbed, may be kept raw; otherwise one that may hold secrets is skipped
  unsigned stable_copy_attempts = 5;
  bool check_later = false;           // databases are only copied, which is quick; finish_database() does the rest
};

struct CapturedFile {
  Entry entry;                                   // complete: size, hash, stat (as of the copy), captured_at_ns, flags
  std::shared_ptr<ByteSource const> body;        // immutable; its spool room lives as long as it does
  std::shared_ptr<Spool::Room> room;             // that room, for those who keep the file that lies there,
  std::uint64_t offset = 0;                      // and where in it the body begins
  std::span<std::uint8_t const> in_memory{};     // the body, hashed where it lies, when it is not on disk and not empty
  bool unchecked = false;                        // check_later: a database's copy as SQLite made it; size and hash are not known
};

struct CaptureResult {
  std::vector<CapturedFile> files;   // usually one; a damaged database comes with its raw sidecars ("…-wal", "…-journal")
  std::vector<Skip> skips;           // why there is none; or what is wrong with it (SkipReason::damaged, attributes)
  std::vector<std::string> warnings; // "agents/a/agent/x.sqlite: could not be checked in full (…)"
};

// Captures a regular file. May be called from many threads. Database files are known by their header
// ("SQLite format 3\0"), whatever their name; a database that belongs to a WAL is read through SQLite only.
// Plain files: opened O_NOFOLLOW|O_NONBLOCK, copied, and the stat key compared before and after; a change during the copy
// means another try; a file that only grew during every try is cut at the length it had (Entry::cut).
// Databases: read-only connection, sqlite3_backup in one step(-1) inside a read transaction; the copy is made a single
// file (journal_mode=DELETE), checked with quick_check, scrubbed; a copy that fails the check, or a source that SQLite
// cannot read, is kept raw with its sidecars, `damaged`, and comes with a skip that says so. A copy that cannot be scrubbed is skipped as unreadable.
// A database's "-wal", "-shm" or "-journal" is never taken for itself: by_rule.
// A file that alone does not fit on the spool's disk is skipped as no_space.
// Only a stop (cancelled) or a spool disk that is full for small files too (no_space, Spool::is_full()) is an Error;
// everything about this file is in the result.
Result<CaptureResult> capture_file(ScanItem const& item, std::shared_ptr<Spool> const& spool, CaptureOptions const& options,
                                   Clock& clock, std::stop_token const& stop);

// The rest for a database that was captured with check_later: checks the copy at `path`, takes the secrets out (`path` is
// replaced) and completes `entry`. A copy that fails its check stays as it is, `damaged`, and the skip says so; any other
// skip means that it may not be kept (scrub_secrets, see CaptureOptions) and must be removed by the caller. May be called again after
// a crash. Errors: cancelled, no_space, io.
struct FinishedDatabase {
  std::optional<Skip> skip;
  std::string warning;               // empty: nothing to say
};
Result<FinishedDatabase> finish_database(std::string const& path, Entry& entry, CaptureOptions const& options,
                                         std::stop_token const& stop);

// The name of the database whose sidecar ("…-wal", "-shm", "-journal") this would be; empty: the name is no sidecar's.
std::string database_of_sidecar(std::string const& path);

// What a database that failed its check is reported with.
Skip damaged_skip(std::string const& path, std::string_view problem);

// Is this entry unchanged since `previous` was captured? Pure. True only when the stat keys are equal and known, and the
// file's times lie more than 2 s before that capture began (so that a second change within the clock's grain is not
// missed). Never for damaged databases: their raw sidecars are found by capturing them again.
bool unchanged_since(Entry const& previous, StatKey const& now);

}  // namespace b2b
