// Modes, owners, times and attributes of what is in a tree.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "core/engine/target_tree.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::int64_t billion = 1'000'000'000;

timespec to_timespec(std::int64_t ns) {
  std::int64_t const seconds = ns / billion - (ns % billion < 0 ? 1 : 0);
  timespec out{};
  out.tv_sec = static_cast<time_t>(seconds);
  out.tv_nsec = static_cast<long>(ns - seconds * billion);
  return out;
}

// Set-id bits give rights away; only root brings them back.
mode_t mode_to_set(std::uint32_t mode) { return static_cast<mode_t>(::geteuid() == 0 ? mode : (mode & 01777u)); }

bool attribute_is_restored(std::string_view name) {
  return name.starts_with("user.") ||
         (::geteuid() == 0 && (name == "security.capability" || name.starts_with("system.posix_acl_")));
}

}  // namespace

Result<void> TargetTree::set_metadata(std::string_view path, NodeMetadata const& metadata) const {
  B2B_ASSIGN(Place const place, place_of(path));
  char const* const name = place.name.c_str();
  if (metadata.uid && metadata.gid && ::geteuid() == 0 &&
      ::fchownat(place.directory, name, *metadata.uid, *metadata.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error(errno, "set the owner of", absolute(path));
  if (metadata.mode) {
    if (::fchmodat(place.directory, name, mode_to_set(*metadata.mode), AT_SYMLINK_NOFOLLOW) != 0 &&
        errno != EOPNOTSUPP)
      return errno_error(errno, "set the mode of", absolute(path));
  }
  if (metadata.mtime_ns) {
    timespec const time = to_timespec(*metadata.mtime_ns);
    timespec const times[2] = {time, time};
    if (::utimensat(place.directory, name, times, AT_SYMLINK_NOFOLLOW) != 0)
      return errno_error(errno, "set the time of", absolute(path));
  }
  return {};
}

Result<void> TargetTree::set_metadata(int fd, NodeMetadata const& metadata, std::string_view path_for_error) const {
  if (metadata.uid && metadata.gid && ::geteuid() == 0 && ::fchown(fd, *metadata.uid, *metadata.gid) != 0)
    return errno_error(errno, "set the owner of", absolute(path_for_error));
  if (metadata.mode && ::fchmod(fd, mode_to_set(*metadata.mode)) != 0 && errno != EOPNOTSUPP)
    return errno_error(errno, "set the mode of", absolute(path_for_error));
  if (metadata.mtime_ns) {
    timespec const time = to_timespec(*metadata.mtime_ns);
    timespec const times[2] = {time, time};
    if (::futimens(fd, times) != 0) return errno_error(errno, "set the time of", absolute(path_for_error));
  }
  return {};
}

Result<std::map<std::string, std::string>> TargetTree::attributes(std::string_view path) const {
  std::map<std::string, std::string> out;
#ifdef __linux__
  auto fd = open_file(path);
  if (!fd) return fd.error();
  ssize_t const size = ::flistxattr(fd->get(), nullptr, 0);
  if (size <= 0) return out;  // none, or the file system has no such thing
  std::string names(static_cast<std::size_t>(size) + 1024, '\0');
  ssize_t const got = ::flistxattr(fd->get(), names.data(), names.size());
  if (got < 0) return errno_error(errno, "list the extended attributes of", absolute(path));
  names.resize(static_cast<std::size_t>(got));
  for (std::size_t begin = 0; begin < names.size();) {
    std::string const name(names.c_str() + begin);
    begin += name.size() + 1;
    if (!attribute_is_restored(name)) continue;
    std::string value(65536, '\0');
    ssize_t const n = ::fgetxattr(fd->get(), name.c_str(), value.data(), value.size());
    if (n < 0) return errno_error(errno, "read the extended attribute " + name + " of", absolute(path));
    value.resize(static_cast<std::size_t>(n));
    out.emplace(name, std::move(value));
  }
#else
  static_cast<void>(path);
#endif
  return out;
}

Result<void> TargetTree::set_attributes(std::string_view path,
                                        std::map<std::string, std::string> const& attributes) const {
#ifdef __linux__
  if (attributes.empty()) return {};
  B2B_ASSIGN(UniqueFd const fd, open_file(path));
  for (auto const& [name, value] : attributes) {
    if (!attribute_is_restored(name)) continue;
    if (::fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0) != 0)
      return errno_error(errno, "set the extended attribute " + printable(name) + " of", absolute(path));
  }
#else
  static_cast<void>(path);
  static_cast<void>(attributes);
#endif
  return {};
}

}  // namespace b2b
