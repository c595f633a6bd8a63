#include "core/engine/target_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/openat2.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::int64_t billion = 1'000'000'000;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

NodeType type_of(std::uint32_t mode) {
  if (S_ISREG(mode)) return NodeType::file;
  if (S_ISDIR(mode)) return NodeType::directory;
  if (S_ISLNK(mode)) return NodeType::symlink;
  return NodeType::other;
}

#ifdef __linux__
std::int64_t to_ns(statx_timestamp const& time) {
  return time.tv_sec * billion + time.tv_nsec;
}

// errno of the failure, or 0.
int look(int directory, char const* name, int flags, NodeStatus& out) {
  struct statx status {};
  if (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, &status) != 0) return errno;
  out.type = type_of(status.stx_mode);
  out.mode = status.stx_mode & 07777u;
  out.uid = status.stx_uid;
  out.gid = status.stx_gid;
  out.size = status.stx_size;
  out.mtime_ns = to_ns(status.stx_mtime);
  out.ctime_ns = to_ns(status.stx_ctime);
  out.inode = status.stx_ino;
  out.links = status.stx_nlink;
  // Two mounts of one file system have one device, and rename(2) does not move between them.
  bool const has_mount_id = (status.stx_mask & STATX_MNT_ID) != 0;
  out.mount =
      has_mount_id ? status.stx_mnt_id : (std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor);
  return 0;
}
#else
int look(int directory, char const* name, int flags, NodeStatus& out) {
  struct stat status {};
  int const failed = *name == '\0' ? ::fstat(directory, &status) : ::fstatat(directory, name, &status, flags);
  if (failed != 0) return errno;
  out.type = type_of(status.st_mode);
  out.mode = status.st_mode & 07777u;
  out.uid = status.st_uid;
  out.gid = status.st_gid;
  out.size = static_cast<std::uint64_t>(status.st_size);
  out.mtime_ns = status.st_mtimespec.tv_sec * billion + status.st_mtimespec.tv_nsec;
  out.ctime_ns = status.st_ctimespec.tv_sec * billion + status.st_ctimespec.tv_nsec;
  out.inode = status.st_ino;
  out.links = status.st_nlink;
  out.mount = static_cast<std::uint64_t>(status.st_dev);
  return 0;
}
#endif

#ifdef __linux__
constexpr int look_at_fd = AT_EMPTY_PATH;
#else
constexpr int look_at_fd = 0;
#endif

}  // namespace

Result<NodeStatus> status_of(int fd, std::string_view path_for_error) {
  NodeStatus out;
  int const failed = look(fd, "", look_at_fd, out);
  if (failed != 0) return errno_error(failed, "look at", path_for_error);
  return out;
}

Result<TargetTree> TargetTree::open(std::string const& path) {
  B2B_ASSIGN(UniqueFd root, b2b::open_file(path, O_RDONLY | O_DIRECTORY, "open the directory"));
  return TargetTree(std::move(root), path);
}

std::string TargetTree::absolute(std::string_view path) const {
  return join_path(path_, path);
}

// Opens a directory below the root. Fails with Condition::refused where a component is a symbolic link.
Result<UniqueFd> TargetTree::walk(std::string_view directory, int flags) const {
  auto const refused_link = [&](std::string_view link) {
    return make_error(Condition::refused,
                      absolute(link) + " is a symbolic link, and nothing is written through one",
                      "Remove the link, or restore to another place with --target DIR", std::string(link));
  };
#ifdef __linux__
  if (directory.size() < 4000) {
    std::string const path(directory.empty() ? "." : directory);
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_DIRECTORY | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    for (int attempt = 0; attempt < 16; ++attempt) {
      long const fd = ::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how);
      if (fd >= 0) return UniqueFd(static_cast<int>(fd));
      if (errno == ELOOP) return refused_link(directory);
      if (errno == EXDEV)
        return make_error(Condition::refused, absolute(directory) + " leads out of " + path_);
      if (errno == EAGAIN || errno == EINTR) continue;  // something was renamed meanwhile
      if (errno == ENOSYS || errno == EPERM) break;     // an old kernel, or a sandbox without the call
      return errno_error(errno, "open the directory", absolute(directory));
    }
  }
#endif
  UniqueFd current(
      ::openat(root_.get(), ".", (directory.empty() ? flags : O_RDONLY) | O_DIRECTORY | O_CLOEXEC));
  if (!current) return errno_error(errno, "open the directory", path_);
  for (std::size_t begin = 0; begin < directory.size();) {
    std::size_t const end = std::min(directory.find('/', begin), directory.size());
    std::string const name(directory.substr(begin, end - begin));
    if (name == "..") return make_error(Condition::refused, absolute(directory) + " has a '..' component");
    UniqueFd next(
        ::openat(current.get(), name.c_str(),
                 (end == directory.size() ? flags : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      int const saved = errno;
      NodeStatus status;
      if ((saved == ENOTDIR || saved == ELOOP) &&
          look(current.get(), name.c_str(), AT_SYMLINK_NOFOLLOW, status) == 0 &&
          status.type == NodeType::symlink)
        return refused_link(directory.substr(0, end));
      return errno_error(saved, "open the directory", absolute(directory.substr(0, end)));
    }
    current = std::move(next);
    begin = end + 1;
  }
  return current;
}

Result<TargetTree::Place> TargetTree::place_of(std::string_view path) const {
  Place place;
  auto const slash = path.rfind('/');
  place.name = std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
  if (path.empty()) place.name = ".";
  if (place.name == ".." || (!path.empty() && (place.name.empty() || place.name == ".")))
    return make_error(Condition::refused, "'" + std::string(path) + "' is no clean path below " + path_);
  if (slash == std::string_view::npos) {
    place.directory = root_.get();
    return place;
  }
#ifdef __linux__
  B2B_ASSIGN(place.owned, walk(path.substr(0, slash), O_PATH));
#else
  B2B_ASSIGN(place.owned, walk(path.substr(0, slash), O_RDONLY));
#endif
  place.directory = place.owned.get();
  return place;
}

Result<std::optional<NodeStatus>> TargetTree::status(std::string_view path) const {
  auto place = place_of(path);
  if (!place) {
    if (place.error().condition == Condition::not_found) return std::optional<NodeStatus>();
    return place.error();
  }
  NodeStatus out;
  int const failed = look(place->directory, place->name.c_str(), AT_SYMLINK_NOFOLLOW, out);
  // A name longer than the file system takes is nobody's: asked for where a long name gets a suffix ("-wal").
  if (failed == ENOENT || failed == ENOTDIR || failed == ENAMETOOLONG) return std::optional<NodeStatus>();
  if (failed != 0) return errno_error(failed, "look at", absolute(path));
  return std::optional<NodeStatus>(out);
}

Result<std::string> TargetTree::link_target(std::string_view path) const {
  B2B_ASSIGN(Place const place, place_of(path));
  std::string target(4096, '\0');
  ssize_t const n = ::readlinkat(place.directory, place.name.c_str(), target.data(), target.size());
  if (n < 0) return errno_error(errno, "read the symbolic link", absolute(path));
  target.resize(static_cast<std::size_t>(n));
  return target;
}

Result<UniqueFd> TargetTree::open_file(std::string_view path) const {
  B2B_ASSIGN(Place const place, place_of(path));
  UniqueFd fd(::openat(place.directory, place.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno_error(errno, "open", absolute(path));
  return fd;
}

Result<UniqueFd> TargetTree::open_new_file(std::string_view path) const {
  B2B_ASSIGN(Place const place, place_of(path));
  UniqueFd fd(::openat(place.directory, place.name.c_str(),
                       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "create", absolute(path));
  return fd;
}

Result<UniqueFd> TargetTree::open_directory(std::string_view path) const {
  return walk(path, O_RDONLY);
}

Result<std::vector<std::string>> TargetTree::list(std::string_view path) const {
  B2B_ASSIGN(UniqueFd fd, walk(path, O_RDONLY));
  std::unique_ptr<DIR, CloseDirectory> const directory(::fdopendir(fd.get()));
  if (!directory) return errno_error(errno, "list", absolute(path));
  static_cast<void>(fd.release());  // closedir() closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return errno_error(errno, "list", absolute(path));
      break;
    }
    std::string_view const name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<TargetTree::Anchor> TargetTree::anchor(std::string_view path) const {
  B2B_ASSIGN(Place place, place_of(path));
  Anchor out;
  if (place.owned) {
    out.directory = std::move(place.owned);
  } else {
    B2B_ASSIGN(out.directory, walk({}, O_RDONLY));
  }
#ifdef __linux__
  std::string const through = "/proc/self/fd/" + std::to_string(out.directory.get());
  out.path = ::access(through.c_str(), F_OK) == 0 ? join_path(through, place.name) : absolute(path);
#else
  out.path = absolute(path);
#endif
  return out;
}

Result<bool> TargetTree::make_directory(std::string_view path, unsigned mode) const {
  B2B_ASSIGN(Place const place, place_of(path));
  if (::mkdirat(place.directory, place.name.c_str(), static_cast<mode_t>(mode)) == 0) {
    // mkdirat(2) subtracts the umask; the mode is meant as it stands.
    if (::fchmodat(place.directory, place.name.c_str(), static_cast<mode_t>(mode), AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error(errno, "set the mode of", absolute(path));
    return true;
  }
  int const saved = errno;
  NodeStatus status;
  if (saved == EEXIST && look(place.directory, place.name.c_str(), AT_SYMLINK_NOFOLLOW, status) == 0 &&
      status.type == NodeType::directory)
    return false;
  return errno_error(saved, "create the directory", absolute(path));
}

Result<void> TargetTree::make_directories(std::string_view path, unsigned mode) const {
  for (std::size_t end = 0; end != path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    B2B_TRY(make_directory(path.substr(0, end), mode));
  }
  return {};
}

Result<void> TargetTree::make_symlink(std::string const& points_to, std::string_view path) const {
  B2B_ASSIGN(Place const place, place_of(path));
  if (::symlinkat(points_to.c_str(), place.directory, place.name.c_str()) != 0)
    return errno_error(errno, "create the symbolic link", absolute(path));
  return {};
}

Result<void> TargetTree::make_hard_link(std::string_view existing, std::string_view path) const {
  B2B_ASSIGN(Place const from, place_of(existing));
  B2B_ASSIGN(Place const to, place_of(path));
  if (::linkat(from.directory, from.name.c_str(), to.directory, to.name.c_str(), 0) != 0)
    return errno_error(errno, "create the hard link", absolute(path));
  return {};
}

Result<void> TargetTree::rename(std::string_view from, std::string_view to) const {
  B2B_ASSIGN(Place const source, place_of(from));
  B2B_ASSIGN(Place const destination, place_of(to));
  if (::renameat(source.directory, source.name.c_str(), destination.directory, destination.name.c_str()) != 0)
    return errno_error(errno, "move " + absolute(from) + " to", absolute(to));
  return {};
}

Result<bool> TargetTree::rename_to_free_name(std::string_view from, std::string_view to) const {
#ifdef RENAME_NOREPLACE
  B2B_ASSIGN(Place const source, place_of(from));
  B2B_ASSIGN(Place const destination, place_of(to));
  if (::renameat2(source.directory, source.name.c_str(), destination.directory, destination.name.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != ENOENT && errno != EEXIST && errno != EINVAL && errno != ENOSYS)
    return errno_error(errno, "move " + absolute(from) + " to", absolute(to));
#else
  static_cast<void>(from);
  static_cast<void>(to);
#endif
  return false;
}

Result<void> TargetTree::remove_file(std::string_view path) const {
  B2B_ASSIGN(Place const place, place_of(path));
  if (::unlinkat(place.directory, place.name.c_str(), 0) != 0 && errno != ENOENT)
    return errno_error(errno, "remove", absolute(path));
  return {};
}

Result<void> TargetTree::remove_directory(std::string_view path) const {
  B2B_ASSIGN(Place const place, place_of(path));
  if (::unlinkat(place.directory, place.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return errno_error(errno, "remove the directory", absolute(path));
  return {};
}

Result<void> TargetTree::remove_tree(std::string_view path) const {
  B2B_ASSIGN(auto const there, status(path));
  if (!there) return {};
  B2B_ASSIGN(Anchor const anchored, anchor(path));
  return b2b::remove_tree(anchored.path);
}

Result<void> TargetTree::sync_directory(std::string_view path) const {
  B2B_ASSIGN(UniqueFd const fd, walk(path, O_RDONLY));
  auto synced = fsync_file(fd.get(), absolute(path));
  if (!synced && synced.error().system_errno != EINVAL)
    return synced;  // some file systems have nothing to sync there
  return {};
}

Result<void> TargetTree::sync_file_system(std::string_view path) const {
  B2B_ASSIGN(UniqueFd const fd, walk(path, O_RDONLY));
#ifdef __linux__
  if (::syncfs(fd.get()) != 0) return errno_error(errno, "write to the disk of", absolute(path));
#else
  ::sync();
#endif
  return {};
}

Result<TargetTree::FileSystem> TargetTree::file_system(std::string_view path) const {
  B2B_ASSIGN(UniqueFd const fd, walk(path, O_RDONLY));
  struct statvfs status {};
  if (::fstatvfs(fd.get(), &status) != 0)
    return errno_error(errno, "ask for the free space of", absolute(path));
  struct stat node {};
  if (::fstat(fd.get(), &node) != 0) return errno_error(errno, "look at", absolute(path));
  FileSystem out;
  out.free_bytes = std::uint64_t{status.f_bavail} * std::uint64_t{status.f_frsize};
  out.name_max = status.f_namemax;
  out.device = static_cast<std::uint64_t>(node.st_dev);
  return out;
}

}  // namespace b2b
