#include "core/engine/scratch_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <vector>

#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::string_view name_prefix = "scratch-";

UniqueFd open_folder(std::string const& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)); }

bool is_still(int fd, std::string const& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int lock_folder(int fd, int how) {
  int done = 0;
  do done = ::flock(fd, how);
  while (done != 0 && errno == EINTR);
  return done;
}

void remove_abandoned(std::string const& parent) {
  std::error_code failed;
  std::vector<std::string> found;
  for (std::filesystem::directory_iterator entry(parent, failed), end; !failed && entry != end; entry.increment(failed))
    if (entry->path().filename().string().starts_with(name_prefix)) found.push_back(entry->path().string());
  for (std::string const& path : found) {
    UniqueFd const folder = open_folder(path);
    if (!folder || lock_folder(folder.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (auto const removed = remove_tree(path); !removed) log_warning(removed.error().text());
  }
}

}  // namespace

Result<ScratchFolder> ScratchFolder::create(std::string const& parent) {
  remove_abandoned(parent);
  while (true) {
    B2B_ASSIGN(TemporaryDirectory folder, TemporaryDirectory::create(parent, name_prefix));
    UniqueFd held = open_folder(folder.path());
    if (!held && errno != ENOENT) return errno_error(errno, "open the temporary directory", folder.path());
    // Somebody may have taken it for abandoned between the two calls.
    if (held && (lock_folder(held.get(), LOCK_SH) != 0 || is_still(held.get(), folder.path())))
      return ScratchFolder(std::move(held), std::move(folder));
  }
}

}  // namespace b2b
