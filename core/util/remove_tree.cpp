// rm -r that never follows a symlink and holds two descriptors however deep the tree is: it goes down with openat(2) and
// back up through "..", checking that it arrives where it came from.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "core/util/file.h"

namespace b2b {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

struct Level {
  std::string name;  // in the directory above
  dev_t device;      // of the directory above, to know it again on the way back
  ino_t inode;
};

class TreeRemover {
 public:
  explicit TreeRemover(std::string path) : path_(std::move(path)) {}

  Result<void> run() {
    std::string const parent = parent_path(path_);
    B2B_ASSIGN(current_, open_file(parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY, "open the directory"));
    B2B_ASSIGN(bool const removed, unlink_or_enter(base_name(path_)));
    if (removed) return {};
    while (!levels_.empty()) {
      B2B_ASSIGN(bool const empty, empty_or_enter());
      if (empty) B2B_TRY(leave());
    }
    return {};
  }

 private:
  std::string where() const {
    std::string path = parent_path(path_);
    for (auto const& level : levels_) path = join_path(path, level.name);
    return path;
  }

  // True: `name` in the current directory is gone. False: it is a directory, and now the current one.
  Result<bool> unlink_or_enter(std::string const& name) {
    struct stat status {};
    if (::fstatat(current_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return true;
      return errno_error(errno, "look at", join_path(where(), name));
    }
    if (S_ISDIR(status.st_mode)) {
      B2B_TRY(enter(name));
      return false;
    }
    if (::unlinkat(current_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return errno_error(errno, "remove", join_path(where(), name));
    return true;
  }

  Result<void> enter(std::string const& name) {
    struct stat above {};
    if (::fstat(current_.get(), &above) != 0) return errno_error(errno, "look at", where());
    int const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd below(::openat(current_.get(), name.c_str(), flags));
    if (!below && errno == EACCES) {
      // A directory of ours without permissions for us (modes are captured and restored like everything else).
      if (::fchmodat(current_.get(), name.c_str(), 0700, AT_SYMLINK_NOFOLLOW) != 0)
        return errno_error(errno, "get access to", join_path(where(), name));
      below = UniqueFd(::openat(current_.get(), name.c_str(), flags));
    }
    if (!below) return errno_error(errno, "open the directory", join_path(where(), name));
    struct stat status {};
    if (::fstat(below.get(), &status) != 0) return errno_error(errno, "look at", join_path(where(), name));
    if ((status.st_mode & 0700) != 0700 && ::fchmod(below.get(), (status.st_mode & 07777) | 0700) != 0)
      return errno_error(errno, "get access to", join_path(where(), name));
    levels_.push_back({name, above.st_dev, above.st_ino});
    current_ = std::move(below);
    return {};
  }

  // Removes what is in the current directory. True: nothing is left. False: went into a directory in it.
  Result<bool> empty_or_enter() {
    int const copy = ::fcntl(current_.get(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return errno_error(errno, "list", where());
    Directory const list(::fdopendir(copy));
    if (!list) {
      int const saved = errno;
      ::close(copy);
      return errno_error(saved, "list", where());
    }
    // Some systems skip entries when others are removed while listing: done is a pass that finds nothing. The offset
    // is shared with the descriptor, hence the rewind before the first pass, too.
    for (bool found = true; found;) {
      found = false;
      ::rewinddir(list.get());
      for (;;) {
        errno = 0;
        dirent const* const entry = ::readdir(list.get());
        if (entry == nullptr) {
          if (errno != 0) return errno_error(errno, "list", where());
          break;
        }
        std::string const name = entry->d_name;
        if (name == "." || name == "..") continue;
        found = true;
        B2B_ASSIGN(bool const removed, unlink_or_enter(name));
        if (!removed) return false;
      }
    }
    return true;
  }

  // Goes up one level and removes the directory it was in, which is empty.
  Result<void> leave() {
    Level const level = levels_.back();
    UniqueFd above(::openat(current_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!above) return errno_error(errno, "open the directory above", where());
    struct stat status {};
    if (::fstat(above.get(), &status) != 0) return errno_error(errno, "look at the directory above", where());
    if (status.st_dev != level.device || status.st_ino != level.inode)
      return make_error(Condition::changed, where() + " was moved while it was being removed",
                        "Stop what moves files there and try again", where());
    if (::unlinkat(above.get(), level.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return errno_error(errno, "remove the directory", where());
    levels_.pop_back();
    current_ = std::move(above);
    return {};
  }

  std::string const path_;
  UniqueFd current_;
  std::vector<Level> levels_;
};

}  // namespace

Result<void> remove_tree(std::string const& path) {
  std::string const name = base_name(path);
  if (name.empty() || name == "/" || name == "." || name == "..")
    return make_error(Condition::internal, "refusing to remove the directory '" + path + "'", {}, path);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return errno_error(errno, "look at", path);
  }
  return TreeRemover(join_path(parent_path(path), name)).run();
}

}  // namespace b2b
