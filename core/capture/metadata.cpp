#include "core/capture/metadata.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace b2b {
namespace {

bool worth_keeping(std::string_view name, bool as_root) {
  if (name.starts_with("user.")) return true;
  return as_root && (name == "security.capability" || name == "system.posix_acl_access" || name == "system.posix_acl_default");
}

// Calls `read(buffer, size)` until its answer fits; -1 when it fails. The kernel allows 64 KB for lists and values.
template <class Read>
ssize_t read_fitting(std::string& buffer, Read const& read) {
  for (;;) {
    ssize_t const needed = read(nullptr, std::size_t{0});
    if (needed <= 0) return needed;
    buffer.resize(static_cast<std::size_t>(needed));
    ssize_t const got = read(buffer.data(), buffer.size());
    if (got >= 0 || errno != ERANGE) return got;  // ERANGE: it grew in between
  }
}

template <class List, class Get>
std::map<std::string, std::string> collect(List const& list, Get const& get) {
  std::map<std::string, std::string> out;
  std::string names;
  ssize_t const size = read_fitting(names, list);
  if (size <= 0) return out;
  bool const as_root = ::geteuid() == 0;
  std::string_view rest(names.data(), static_cast<std::size_t>(size));
  while (!rest.empty()) {
    std::string const name(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (!worth_keeping(name, as_root)) continue;
    std::string value;
    ssize_t const length = read_fitting(value, [&](void* to, std::size_t room) { return get(name.c_str(), to, room); });
    if (length < 0) continue;  // removed in between
    value.resize(static_cast<std::size_t>(length));
    out.emplace(name, std::move(value));
  }
  return out;
}

std::int64_t nanoseconds(struct timespec const& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

void set_metadata(Entry& entry, struct stat const& status) {
  entry.mode = status.st_mode & 07777U;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.mtime_ns = nanoseconds(status.st_mtim);
}

StatKey stat_key(struct stat const& status) {
  StatKey key;
  key.inode = status.st_ino;
  key.size = static_cast<std::uint64_t>(status.st_size);
  key.mtime_ns = nanoseconds(status.st_mtim);
  key.ctime_ns = nanoseconds(status.st_ctim);
  return key;
}

std::map<std::string, std::string> read_xattrs(std::string const& path) {
  return collect([&](char* to, std::size_t room) { return ::llistxattr(path.c_str(), to, room); },
                 [&](char const* name, void* to, std::size_t room) { return ::lgetxattr(path.c_str(), name, to, room); });
}

std::map<std::string, std::string> read_xattrs(int fd) {
  return collect([&](char* to, std::size_t room) { return ::flistxattr(fd, to, room); },
                 [&](char const* name, void* to, std::size_t room) { return ::fgetxattr(fd, name, to, room); });
}

}  // namespace b2b
