#include "core/capture/capture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "core/capture/database.h"
#include "core/capture/inode_guard.h"
#include "core/capture/metadata.h"
#include "core/capture/plain_copy.h"
#include "core/capture/private_copy.h"
#include "core/capture/spool_body.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view sidecar_suffixes[] = {"-wal", "-shm", "-journal"};

std::string reason(Error const& error) {
  if (error.condition == Condition::permission) return "permission denied";
  if (error.system_errno != 0) return std::generic_category().message(error.system_errno);
  return error.message;
}

// Not about this file, or not yet known to be: decided in run().
bool passes_on(Error const& error) {
  return error.condition == Condition::cancelled || error.condition == Condition::no_space;
}

// Why a file is not in the snapshot, from the error that kept it out.
Skip skip_for(std::string const& path, Error const& error) {
  if (error.system_errno == ELOOP) return {path, SkipReason::vanished, "was replaced by a symbolic link"};
  switch (error.condition) {
    case Condition::not_found: return {path, SkipReason::vanished, "vanished before it could be read"};
    case Condition::busy:
    case Condition::changed: return {path, SkipReason::unstable, error.message};
    case Condition::unsupported: return {path, SkipReason::vanished, "was replaced by something that is not a file"};
    case Condition::no_space: return {path, SkipReason::no_space, "is too large to be captured: " + error.message};
    default: return {path, SkipReason::unreadable, reason(error)};
  }
}

class Capture {
 public:
  Capture(ScanItem const& item, std::shared_ptr<Spool> const& spool, CaptureOptions const& options, Clock& clock,
          std::stop_token const& stop)
      : item_(item), spool_(spool), options_(options), clock_(clock), stop_(stop) {
    started_ns_ = clock.now().time_since_epoch().count();
  }

  Result<CaptureResult> run() {
    if (stop_.stop_requested()) return make_error(Condition::cancelled, "stopped while copying the files");
    if (auto const database = database_of_sidecar(item_.absolute); !database.empty()) {
      auto const found = has_sqlite_header(database);
      if (found && *found) {
        skip({item_.entry.path, SkipReason::by_rule, "belongs to a database, which is copied as a whole"});
        return std::move(result_);
      }
    }
    auto done = dispatch();
    if (!done && done.error().condition == Condition::no_space) {
      // It may have outgrown its room while others held theirs: once more, waiting for all that it can need.
      result_ = {};
      database_room_factor_ = 2;
      auto again = dispatch();
      if (again || again.error().condition != Condition::no_space) done = std::move(again);
    }
    if (!done && ends_the_job(done.error())) return done.error();
    if (!done) skip(skip_for(item_.entry.path, done.error()));
    return std::move(result_);
  }

 private:
  // A file that alone is too large for the spool's disk is its own trouble, a disk that is full for all of them is not.
  bool ends_the_job(Error const& error) const {
    return error.condition == Condition::cancelled || (error.condition == Condition::no_space && spool_->is_full());
  }

  Result<void> dispatch() {
    std::vector<LiveFile> files;
    bool database = false;
    {
      // Held until a database's descriptor is closed again: closing it would drop SQLite's locks on the file.
      InodeGuard const guard(item_.absolute);
      B2B_ASSIGN(LiveFile file, open_live(item_.absolute, item_.root_bytes));
      B2B_ASSIGN(database, starts_as_database(file));
      if (database) {
        B2B_TRY(look_at_database(file));
      } else {
        files.push_back(std::move(file));
      }
    }
    return database ? capture_database() : capture_plain(std::move(files));
  }

  static Result<bool> starts_as_database(LiveFile const& file) {
    static constexpr std::string_view magic("SQLite format 3\0", 16);
    std::array<std::uint8_t, magic.size()> start{};
    ssize_t const got = ::pread(file.fd.get(), start.data(), start.size(), 0);
    if (got < 0) return errno_error(errno, "read", printable(file.path));
    return got == static_cast<ssize_t>(start.size()) && as_text(start) == magic;
  }

  // Plain files.

  Result<void> capture_plain(std::vector<LiveFile> files) {
    unsigned const attempts = std::max(options_.stable_copy_attempts, 1U);
    for (unsigned attempt = 1;; ++attempt) {
      if (files.empty()) {
        B2B_ASSIGN(LiveFile file, open_live(item_.absolute, item_.root_bytes));
        files.push_back(std::move(file));
      }
      B2B_ASSIGN(auto room, spool_->reserve(files[0].size(), true, stop_));
      B2B_ASSIGN(auto writer, SpoolWriter::create(std::move(room)));
      B2B_ASSIGN(CopyAttempt const copy, copy_into(files, writer));
      using Verdict = CopyAttempt::Verdict;
      if (copy.verdict == Verdict::unreadable) return errno_error(copy.read_errno, "read", printable(item_.absolute));
      bool const cut = copy.verdict == Verdict::grew && attempt == attempts;
      if (copy.verdict == Verdict::stable || cut) {
        CapturedFile captured{entry_of(item_.entry.path, files[0].before), writer.body(0, copy.sizes[0]), writer.room()};
        captured.entry.size = copy.sizes[0];
        captured.entry.hash = copy.hashes[0];
        captured.in_memory = writer.in_memory(0, copy.sizes[0]);
        captured.entry.cut = cut;
        take_xattrs(captured.entry, files[0].fd.get());
        captured.entry.stat = stat_key(files[0].before);
        read_wal_key(item_.absolute, captured.entry.stat);
        result_.files.push_back(std::move(captured));
        return {};
      }
      if (attempt == attempts)
        return make_error(Condition::changed, "changed during each of " + std::to_string(attempts) + " tries to copy it");
      files.clear();
      wait_for_writer(attempt, stop_);
    }
  }

  Result<CopyAttempt> copy_into(std::vector<LiveFile>& files, SpoolWriter& writer) {
    return b2b::copy_once(files, [&](std::size_t, auto bytes) { return writer.write(bytes); },
                          clock_.now().time_since_epoch().count(), stop_);
  }

  // Databases.

  // All that the entry says about the live file, taken before the copy: whatever is written from now on shows as a change.
  Result<void> look_at_database(LiveFile const& file) {
    database_entry_ = entry_of(item_.entry.path, file.before);
    database_entry_.stat = stat_key(file.before);
    read_wal_key(item_.absolute, database_entry_.stat);
    take_xattrs(database_entry_, file.fd.get());
    return {};
  }

  Result<void> capture_database() {
    // The copy holds the pages of the file and of its log.
    std::uint64_t estimate = 0;
    for (auto const& path : database_files(item_.absolute)) {
      struct stat status {};
      if (::lstat(path.c_str(), &status) == 0) estimate += static_cast<std::uint64_t>(status.st_size);
    }
    DatabaseCopy copied;
    {
      B2B_ASSIGN(auto room, spool_->reserve(estimate * database_room_factor_, false, stop_));
      auto const check = options_.check_later ? DatabaseCheck::later : DatabaseCheck::now;
      B2B_ASSIGN(copied, copy_database(item_.absolute, room->path(), stop_, check));
      if (!copied.damaged) return options_.check_later ? keep_unchecked(std::move(room)) : keep_copy(copied, std::move(room));
    }
    return keep_raw(copied);
  }

  Result<void> keep_unchecked(std::shared_ptr<Spool::Room> room) {
    B2B_ASSIGN(std::uint64_t const size, size_of(room->path()));
    B2B_TRY(room->resize(size));
    CapturedFile captured{database_entry_, file_body(room, size), room};
    captured.entry.database = true;
    captured.entry.size = size;
    captured.unchecked = true;
    result_.files.push_back(std::move(captured));
    return {};
  }

  Result<void> keep_copy(DatabaseCopy const& copied, std::shared_ptr<Spool::Room> room) {
    B2B_ASSIGN(std::uint64_t size, size_of(room->path()));
    if (options_.scrub_secrets && copied.may_hold_secrets) {
      B2B_TRY(room->resize(2 * size));  // the scrubbed copy is written beside the first
      auto const scrubbed = scrub_secrets(room->path());
      if (!scrubbed && passes_on(scrubbed.error())) return scrubbed.error();
      if (!scrubbed)
        return make_error(Condition::corrupt, "its secrets could not be removed from the copy, so it is left out: " +
                                                  scrubbed.error().message);
      B2B_ASSIGN(size, size_of(room->path()));
    }
    B2B_TRY(room->resize(size));
    if (!copied.problem.empty()) warn("could not be checked in full (" + copied.problem + ")");

    CapturedFile captured{database_entry_, file_body(room, size), room};
    captured.entry.database = true;
    captured.entry.size = size;
    B2B_ASSIGN(captured.entry.hash, body_hash(*captured.body, stop_));
    result_.files.push_back(std::move(captured));
    return {};
  }

  // The files as they lie, copied together so that they fit each other; all bodies are cut from one piece of the spool.
  Result<void> keep_raw(DatabaseCopy const& copied) {
    if (options_.scrub_secrets && copied.may_hold_secrets && !options_.encrypted_store)
      return make_error(Condition::corrupt,
                        "is damaged (" + copied.problem + "), so its secrets cannot be removed, and without encryption it is "
                        "not stored with them");
    unsigned const attempts = std::max(options_.stable_copy_attempts, 1U);
    for (unsigned attempt = 1; attempt <= attempts; ++attempt) {
      if (attempt > 1) wait_for_writer(attempt - 1, stop_);
      B2B_ASSIGN(bool const kept, try_raw());
      if (!kept) continue;
      skip(damaged_skip(item_.entry.path, copied.problem));
      return {};
    }
    return make_error(Condition::changed, "is damaged (" + copied.problem + "), and changed each time it was being copied");
  }

  Result<bool> try_raw() {
    InodeGuard const guard(item_.absolute);
    auto const paths = database_files(item_.absolute);
    std::vector<LiveFile> files;
    std::uint64_t total = 0;
    for (auto const& path : paths) {
      auto file = open_live(path, item_.root_bytes);
      if (!file && !files.empty() && file.error().condition == Condition::not_found) return false;  // a sidecar went
      if (!file) return file.error();
      total += file->size();
      files.push_back(std::move(*file));
    }
    B2B_ASSIGN(auto room, spool_->reserve(total, false, stop_));
    B2B_ASSIGN(auto writer, SpoolWriter::create(std::move(room)));
    B2B_ASSIGN(CopyAttempt const copy, copy_into(files, writer));
    if (copy.verdict == CopyAttempt::Verdict::unreadable)
      return errno_error(copy.read_errno, "read", printable(item_.absolute));
    if (copy.verdict != CopyAttempt::Verdict::stable && files.size() > 1) return false;
    if (copy.verdict != CopyAttempt::Verdict::stable || database_files(item_.absolute) != paths) return false;

    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
      std::string const suffix = paths[i].substr(item_.absolute.size());
      CapturedFile captured{entry_of(item_.entry.path + suffix, files[i].before), writer.body(offset, copy.sizes[i]),
                            writer.room(), offset};
      captured.entry.size = copy.sizes[i];
      captured.entry.hash = copy.hashes[i];
      captured.entry.damaged = true;
      take_xattrs(captured.entry, files[i].fd.get());
      captured.entry.stat = stat_key(files[i].before);
      if (i == 0) captured.entry.stat = database_entry_.stat;
      offset += copy.sizes[i];
      result_.files.push_back(std::move(captured));
    }
    return true;
  }

  // Common.

  Entry entry_of(std::string path, struct stat const& status) const {
    Entry entry;
    entry.path = std::move(path);
    entry.type = EntryType::file;
    entry.captured_at_ns = started_ns_;
    set_metadata(entry, status);
    return entry;
  }

  // What the scan found left out it has reported; told here is only what came since.
  void take_xattrs(Entry& entry, int fd) {
    Xattrs found = read_xattrs(fd);
    if (!found.left_out.empty() && entry.path == item_.entry.path && found.kept != item_.entry.xattrs)
      skip({entry.path, SkipReason::attributes, found.left_out});
    entry.xattrs = std::move(found.kept);
  }

  static Result<std::uint64_t> size_of(std::string const& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return errno_error(errno, "look at", path);
    return static_cast<std::uint64_t>(status.st_size);
  }

  void skip(Skip skip) { result_.skips.push_back(std::move(skip)); }
  void warn(std::string const& what) { result_.warnings.push_back(printable(item_.entry.path) + ": " + what); }

  ScanItem const& item_;
  std::shared_ptr<Spool> const& spool_;
  CaptureOptions const& options_;
  Clock& clock_;
  std::stop_token const& stop_;
  std::int64_t started_ns_ = 0;
  unsigned database_room_factor_ = 1;  // 2: the copy and its scrubbed copy are there at once
  Entry database_entry_;
  CaptureResult result_;
};

}  // namespace

Result<CaptureResult> capture_file(ScanItem const& item, std::shared_ptr<Spool> const& spool, CaptureOptions const& options,
                                   Clock& clock, std::stop_token const& stop) {
  B2B_ASSERT(item.entry.type == EntryType::file);
  return Capture(item, spool, options, clock, stop).run();
}

std::string database_of_sidecar(std::string const& path) {
  for (auto const suffix : sidecar_suffixes)
    if (path.ends_with(suffix) && path.size() > suffix.size() && path[path.size() - suffix.size() - 1] != '/')
      return path.substr(0, path.size() - suffix.size());
  return {};
}

Skip damaged_skip(std::string const& path, std::string_view problem) {
  std::string const why = problem.empty() ? std::string() : " (" + std::string(problem) + ")";
  return {path, SkipReason::damaged, "is damaged" + why + "; kept as it is"};
}

bool unchanged_since(Entry const& previous, StatKey const& now) {
  constexpr std::int64_t margin_ns = 2'000'000'000;
  if (previous.damaged || previous.captured_at_ns == 0 || previous.stat == StatKey{} || previous.stat != now) return false;
  std::int64_t const newest = std::max({now.mtime_ns, now.ctime_ns, now.wal_mtime_ns});
  return newest < previous.captured_at_ns - margin_ns;
}

}  // namespace b2b
