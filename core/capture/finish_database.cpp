// The second half of a database's capture, for captures that must be answered before it is done.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/capture/capture.h"
#include "core/capture/database.h"
#include "core/capture/spool_body.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

std::string what_of(Entry const& entry, std::string const& text) { return printable(entry.path) + ": " + text; }

Result<void> complete(std::string const& path, Entry& entry, std::stop_token const& stop) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno_error(errno, "look at", path);
  entry.size = static_cast<std::uint64_t>(status.st_size);
  FileSource const body(path, 0, entry.size);
  B2B_ASSIGN(entry.hash, body_hash(body, stop));
  return {};
}

}  // namespace

Result<FinishedDatabase> finish_database(std::string const& path, Entry& entry, CaptureOptions const& options,
                                         std::stop_token const& stop) {
  DatabaseCopy const checked = check_copy(path);
  FinishedDatabase out;
  bool const scrub = options.scrub_secrets && checked.may_hold_secrets;
  if (checked.damaged) {
    if (scrub && !options.encrypted_store) {
      out.skip = Skip{entry.path, SkipReason::unreadable,
                      "is damaged (" + checked.problem +
                          "), so its secrets cannot be removed, and without encryption it is not stored with them"};
      return out;
    }
    entry.damaged = true;
    out.skip = damaged_skip(entry.path, checked.problem);
    B2B_TRY(complete(path, entry, stop));
    return out;
  }
  if (scrub) {
    ::unlink((path + "-clean").c_str());  // a crash left it half-written
    auto const scrubbed = scrub_secrets(path);
    if (!scrubbed) {
      Condition const condition = scrubbed.error().condition;
      if (condition == Condition::cancelled || condition == Condition::no_space) return scrubbed.error();
      out.skip = Skip{entry.path, SkipReason::unreadable,
                      "its secrets could not be removed from the copy, so it is left out: " + scrubbed.error().message};
      return out;
    }
  }
  if (!checked.problem.empty()) out.warning = what_of(entry, "could not be checked in full (" + checked.problem + ")");
  B2B_TRY(complete(path, entry, stop));
  return out;
}

}  // namespace b2b
