#include "core/util/unfinished_write.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view prefix = ".b2backupd-";
constexpr std::string_view suffix = ".tmp";

// False: gone, held, or nothing that begin_write() made.
Result<bool> remove_if_abandoned(std::string const& path) {
  UniqueFd const file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  // A name is given out once: it still means this file, or nothing.
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return errno_error(errno, "remove the abandoned temporary file", path);
}

}  // namespace

Result<UnfinishedWrite> begin_write(std::string const& directory) {
  for (;;) {
    UnfinishedWrite write;
    write.path = join_path(directory, std::string(prefix) + "XXXXXX" + std::string(suffix));
    write.fd = UniqueFd(::mkostemps(write.path.data(), static_cast<int>(suffix.size()), O_CLOEXEC));
    if (!write.fd) return errno_error(errno, "create a temporary file in", directory);
    if (::flock(write.fd.get(), LOCK_SH) != 0) return write;  // a file system without locks
    struct stat status {};
    if (::fstat(write.fd.get(), &status) != 0 || status.st_nlink != 0) return write;
    // Somebody cleared it away between the two calls.
  }
}

Result<std::size_t> remove_abandoned_writes(std::string const& directory) {
  std::error_code failed;
  std::filesystem::directory_iterator entry(directory, failed);
  std::size_t removed = 0;
  for (; !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    std::string const name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    B2B_ASSIGN(bool const gone, remove_if_abandoned(join_path(directory, name)));
    removed += gone ? 1 : 0;
  }
  if (failed && failed.value() != ENOENT) return errno_error(failed.value(), "look at the directory", directory);
  return removed;
}

}  // namespace b2b
