#include "core/capture/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace b2b {
namespace {

// openat2(2), Linux 5.6: the kernel refuses symbolic links in every component. -1 with ENOSYS where it is missing.
int open_without_links(int directory_fd, std::string const& relative, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
  return static_cast<int>(::syscall(SYS_openat2, directory_fd, relative.c_str(), &how, sizeof how));
}

}  // namespace

UniqueFd open_beneath(int directory_fd, std::string_view relative, int flags) {
  flags |= O_NOFOLLOW | O_CLOEXEC;
  if (relative.size() < PATH_MAX) {
    UniqueFd fd(open_without_links(directory_fd, std::string(relative), flags));
    // Old kernels do not know the call; some sandboxes forbid it.
    if (fd || (errno != ENOSYS && errno != EPERM)) return fd;
  }
  UniqueFd parent;
  for (auto slash = relative.find('/'); slash != std::string_view::npos; slash = relative.find('/')) {
    std::string const component(relative.substr(0, slash));
    relative.remove_prefix(slash + 1);
    UniqueFd next(::openat(parent ? parent.get() : directory_fd, component.c_str(),
                           O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return {};
    parent = std::move(next);
  }
  return UniqueFd(::openat(parent ? parent.get() : directory_fd, std::string(relative).c_str(), flags));
}

UniqueFd open_in_root(std::string const& absolute, std::size_t root_bytes, int flags) {
  if (root_bytes == 0 || root_bytes + 1 >= absolute.size() || absolute[root_bytes] != '/')
    return UniqueFd(::open(absolute.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
  UniqueFd const root(::open(absolute.substr(0, root_bytes).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return {};
  return open_beneath(root.get(), std::string_view(absolute).substr(root_bytes + 1), flags);
}

}  // namespace b2b
