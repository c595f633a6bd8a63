#include "core/watch/directory_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "core/util/fd.h"

namespace b2b {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

int for_each_entry(std::string const& path, bool follow, std::function<void(int directory, dirent const&)> const& entry) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW)));
  if (!fd) return errno;
  std::unique_ptr<DIR, CloseDirectory> const directory(::fdopendir(fd.get()));
  if (!directory) return errno;
  int const number = fd.release();  // the DIR's now
  for (;;) {
    errno = 0;
    dirent const* const next = ::readdir(directory.get());
    if (next == nullptr) return errno;
    std::string_view const name(next->d_name);
    if (name != "." && name != "..") entry(number, *next);
  }
}

}  // namespace

int list_directory(std::string const& path, bool follow,
                   std::function<void(std::string_view name, bool is_directory)> const& entry) {
  return for_each_entry(path, follow, [&](int directory, dirent const& next) {
    bool is_directory = next.d_type == DT_DIR;
    struct stat info {};
    if (next.d_type == DT_UNKNOWN && ::fstatat(directory, next.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
      is_directory = S_ISDIR(info.st_mode);
    entry(next.d_name, is_directory);
  });
}

int list_directory_stat(std::string const& path, bool follow, struct stat* self,
                        std::function<void(std::string_view name, struct stat const& info)> const& entry) {
  if (self != nullptr && (follow ? ::stat(path.c_str(), self) : ::lstat(path.c_str(), self)) != 0) return errno;
  return for_each_entry(path, follow, [&](int directory, dirent const& next) {
    struct stat info {};
    if (::fstatat(directory, next.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) entry(next.d_name, info);
  });
}

}  // namespace b2b
