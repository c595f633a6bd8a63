#include "core/capture/private_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "core/capture/plain_copy.h"
#include "core/util/byte_stream.h"
#include "core/util/clock.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr unsigned attempts = 5;

void remove_copies(std::string const& copy) {
  for (char const* const suffix : {"", "-wal", "-journal"}) ::unlink((copy + suffix).c_str());
}

Result<CopyAttempt> try_once(std::string const& source, std::string const& copy, std::stop_token const& stop) {
  auto const paths = database_files(source);
  std::vector<LiveFile> files;
  std::vector<std::unique_ptr<FileSink>> sinks;
  for (auto const& path : paths) {
    B2B_ASSIGN(LiveFile file, open_live(path, 0));
    B2B_ASSIGN(auto sink, FileSink::create(copy + path.substr(source.size())));
    files.push_back(std::move(file));
    sinks.push_back(std::move(sink));
  }
  B2B_ASSIGN(CopyAttempt attempt,
             copy_once(files, [&](std::size_t i, auto bytes) { return sinks[i]->write(bytes); },
                       system_clock().now().time_since_epoch().count(), stop));
  if (attempt.verdict == CopyAttempt::Verdict::unreadable) return errno_error(attempt.read_errno, "read", printable(source));
  if (database_files(source) != paths) attempt.verdict = CopyAttempt::Verdict::changed;
  return attempt;
}

}  // namespace

std::vector<std::string> database_files(std::string const& path) {
  std::vector<std::string> out{path};
  for (char const* const suffix : {"-wal", "-journal"}) {
    struct stat status {};
    std::string sidecar = path + suffix;
    if (::lstat(sidecar.c_str(), &status) == 0 && S_ISREG(status.st_mode)) out.push_back(std::move(sidecar));
  }
  return out;
}

Result<void> copy_database_files(std::string const& source, std::string const& copy, std::stop_token const& stop) {
  for (unsigned attempt = 0; attempt < attempts; ++attempt) {
    if (attempt > 0) wait_for_writer(attempt, stop);
    remove_copies(copy);
    auto const tried = try_once(source, copy, stop);
    bool const sidecar_went = !tried && tried.error().condition == Condition::not_found && path_exists(source);
    if (!tried && !sidecar_went) {
      remove_copies(copy);
      return tried.error();
    }
    if (tried && tried->verdict == CopyAttempt::Verdict::stable) return {};
  }
  remove_copies(copy);
  return make_error(Condition::changed, printable(source) + " changed each time it was being copied",
                    "It is tried again with the next snapshot", source);
}

}  // namespace b2b
