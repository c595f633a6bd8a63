#include "core/capture/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "core/capture/database_check.h"
#include "core/capture/inode_guard.h"
#include "core/capture/plain_copy.h"
#include "core/capture/private_copy.h"
#include "core/capture/scrub.h"
#include "core/sqlite/sqlite.h"
#include "core/util/byte_stream.h"
#include "core/util/clock.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

using sqlite::Database;
using sqlite::OpenMode;

constexpr std::string_view sqlite_magic("SQLite format 3\0", 16);
constexpr int busy_slice_ms = 200;  // SQLite waits so long by itself; then we look whether to stop
constexpr auto busy_limit = std::chrono::seconds(10);
// 2 MB of page cache per connection; no memory map, which a truncated file would turn into SIGBUS.
constexpr std::string_view modest = "PRAGMA mmap_size=0; PRAGMA cache_size=-2048;";
// For our own copies: nobody else looks at them, and after a crash they are thrown away.
constexpr std::string_view private_copy = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF;";

enum class Outcome { copied, busy, cannot_open, damaged, failed };
struct Step {
  Outcome outcome = Outcome::copied;
  Error error;
};

// What a failure of reading the source means.
Step source_failure(Database const& source) {
  Error error = source.error("read");
  switch (sqlite3_extended_errcode(source.handle()) & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Outcome::busy, std::move(error)};
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_IOERR: return {Outcome::cannot_open, std::move(error)};
    case SQLITE_NOMEM: return {Outcome::failed, std::move(error)};
    default: return {Outcome::damaged, std::move(error)};  // CORRUPT, NOTADB, a schema this SQLite cannot read
  }
}

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

// One try: pins the source as it is now, then copies all its pages.
Step back_up(std::string const& source_path, std::string const& copy_path) {
  auto source = Database::open(source_path, OpenMode::read_only, busy_slice_ms);
  if (!source) return {Outcome::cannot_open, source.error()};
  // A checkpoint would be a write into the source.
  B2B_ASSERT(sqlite3_db_config(source->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr) == SQLITE_OK);
  if (!source->execute(std::string(modest) + "PRAGMA query_only=ON; BEGIN;") ||
      !source->query_int("SELECT count(*) FROM main.sqlite_schema"))
    return source_failure(*source);

  auto copy = Database::open(copy_path, OpenMode::create);
  if (!copy) return {Outcome::failed, copy.error()};
  auto const ready = copy->execute(std::string(modest) + std::string(private_copy) + "PRAGMA journal_mode=OFF;");
  if (!ready) return {Outcome::failed, ready.error()};
  std::unique_ptr<sqlite3_backup, FinishBackup> backup(sqlite3_backup_init(copy->handle(), "main", source->handle(), "main"));
  if (!backup) return {Outcome::failed, copy->error("copy into")};
  int const code = sqlite3_backup_step(backup.get(), -1);
  // Until here the read transaction holds the snapshot; the result of finish() repeats that of step().
  backup.reset();
  switch (code & 0xFF) {
    case SQLITE_DONE: return {};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Outcome::busy, copy->error("copy into")};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {Outcome::damaged, copy->error("copy into")};
    // A read that failed was the source's: the copy is only written to.
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ) return {Outcome::cannot_open, copy->error("copy into")};
      return {Outcome::failed, copy->error("copy into")};
    default: return {Outcome::failed, copy->error("copy into")};
  }
}

// Makes the copy one plain file: plays back a journal or log that was copied with it, and leaves WAL mode.
Step make_single(std::string const& copy_path) {
  auto copy = Database::open(copy_path, OpenMode::read_write);
  if (!copy) return {Outcome::failed, copy.error()};
  auto failure = [&](Error const& error) {
    switch (sqlite3_extended_errcode(copy->handle()) & 0xFF) {
      case SQLITE_FULL:
      case SQLITE_IOERR:
      case SQLITE_NOMEM: return Step{Outcome::failed, error};
      default: return Step{Outcome::damaged, error};
    }
  };
  if (auto const set = copy->execute(std::string(private_copy) + std::string(modest)); !set) return failure(set.error());
  // The schema must be read before: only then does SQLite know that the file is in WAL mode.
  if (auto const read = copy->query_int("SELECT count(*) FROM main.sqlite_schema"); !read) return failure(read.error());
  auto const mode = copy->query_text("PRAGMA main.journal_mode=DELETE");
  if (!mode) return failure(mode.error());
  if (mode->value_or("") != "delete")
    return {Outcome::failed, make_error(Condition::internal, "a database copy stays in journal mode " + mode->value_or("?"), {},
                                        copy_path)};
  return {};
}

void remove_copy(std::string const& copy) {
  for (char const* const suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((copy + suffix).c_str());
}

// The backup, or the byte-wise copy where SQLite cannot open the source; then one file of it.
Step copy_once(std::string const& source, std::string const& copy, std::stop_token const& stop) {
  Step step = back_up(source, copy);
  if (step.outcome == Outcome::cannot_open) {
    remove_copy(copy);
    auto const copied = copy_database_files(source, copy, stop);
    if (!copied) return {Outcome::failed, copied.error()};
    step = {};
  }
  return step.outcome == Outcome::copied ? make_single(copy) : step;
}

// False only when we know.
bool may_hold_secrets(std::string const& path) {
  auto database = Database::open(path, OpenMode::read_only);
  if (!database) return true;
  auto const any = has_secret_tables(*database);
  return !any || *any;
}

}  // namespace

Result<bool> has_sqlite_header(std::string const& path) {
  InodeGuard const guard(path);
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, "open"));
  std::array<std::uint8_t, sqlite_magic.size()> start{};
  B2B_ASSIGN(std::size_t const got, read_some(fd.get(), start, path));
  return got == start.size() && as_text(start) == sqlite_magic;
}

DatabaseCopy check_copy(std::string const& copy) {
  auto const check = check_in_full(copy);
  bool const damaged = !check || !check->damage.empty();
  std::string const problem = !check ? check.error().message : damaged ? check->damage : check->unchecked;
  return {damaged, problem, may_hold_secrets(copy)};
}

Result<DatabaseCopy> copy_database(std::string const& source, std::string const& copy, std::stop_token const& stop,
                                   DatabaseCheck when) {
  InodeGuard const guard(source);
  struct stat status {};
  if (::lstat(source.c_str(), &status) != 0) return errno_error(errno, "open", printable(source));
  if (::access(source.c_str(), R_OK) != 0) return errno_error(errno, "read", printable(source));

  Step step;
  auto const started = system_clock().monotonic();
  for (unsigned attempt = 0;; ++attempt) {
    if (attempt > 0) wait_for_writer(1, stop);
    if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped while copying " + printable(source));
    // Ours from the start, so that SQLite does not make it readable for others.
    B2B_TRY(FileSink::create(copy));
    step = copy_once(source, copy, stop);
    if (step.outcome == Outcome::copied) break;
    remove_copy(copy);
    if (step.outcome == Outcome::busy && system_clock().monotonic() - started < busy_limit) continue;
    if (step.outcome == Outcome::busy)
      return make_error(Condition::busy, printable(source) + " was locked by another program for 10 seconds",
                        "It is tried again with the next snapshot", source);
    if (step.outcome == Outcome::failed) return step.error;
    return DatabaseCopy{true, step.error.message, true};
  }

  if (when == DatabaseCheck::later) return DatabaseCopy{};
  DatabaseCopy result = check_copy(copy);
  if (result.damaged) remove_copy(copy);
  return result;
}

}  // namespace b2b
