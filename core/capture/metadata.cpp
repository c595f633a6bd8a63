#include "core/capture/metadata.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "core/util/encoding.h"

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

// At most what the attribute takes in a manifest: its name escaped (or in base64), its value in base64.
std::size_t written_bytes(std::string_view name, std::size_t value_bytes) {
  std::size_t bytes = 8 + (value_bytes + 2) / 3 * 4;
  for (char const c : name) bytes += static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' ? 6 : 2;
  return bytes;
}

std::vector<std::string> split_names(std::string_view names) {
  std::vector<std::string> out;
  while (!names.empty()) {
    out.emplace_back(names.substr(0, names.find('\0')));
    names.remove_prefix(std::min(names.size(), out.back().size() + 1));
  }
  return out;
}

std::string describe_left_out(std::vector<std::string> const& names) {
  constexpr std::size_t named = 3;
  std::string out = names.size() == 1 ? "its extended attribute " : "its extended attributes ";
  for (std::size_t i = 0; i < std::min(names.size(), named); ++i) out += (i == 0 ? "" : ", ") + printable(names[i]);
  if (names.size() > named) out += " and " + std::to_string(names.size() - named) + " more";
  return out + (names.size() == 1 ? " is" : " are") + " left out: all of one file together may take 1 MB in a snapshot";
}

template <class List, class Get>
Xattrs collect(List const& list, Get const& get) {
  Xattrs out;
  std::string list_text;
  ssize_t const size = read_fitting(list_text, list);
  if (size <= 0) return out;
  bool const as_root = ::geteuid() == 0;
  auto names = split_names(std::string_view(list_text.data(), static_cast<std::size_t>(size)));
  std::erase_if(names, [&](std::string const& name) { return !worth_keeping(name, as_root); });
  std::sort(names.begin(), names.end());  // the same ones each time, the system's own first
  std::size_t room = xattr_budget_bytes;
  std::vector<std::string> left_out;
  for (std::string const& name : names) {
    auto const read = [&](void* to, std::size_t bytes) { return get(name.c_str(), to, bytes); };
    ssize_t const announced = read(nullptr, 0);
    if (announced < 0) continue;  // removed in between
    if (written_bytes(name, static_cast<std::size_t>(announced)) > room) {
      left_out.push_back(name);
      continue;
    }
    std::string value;
    ssize_t const length = read_fitting(value, read);
    if (length < 0) continue;
    value.resize(static_cast<std::size_t>(length));
    std::size_t const taken = written_bytes(name, value.size());
    if (taken > room) {
      left_out.push_back(name);
      continue;
    }
    room -= taken;
    out.kept.emplace(name, std::move(value));
  }
  if (!left_out.empty()) out.left_out = describe_left_out(left_out);
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

Xattrs read_xattrs(std::string const& path) {
  return collect([&](char* to, std::size_t room) { return ::llistxattr(path.c_str(), to, room); },
                 [&](char const* name, void* to, std::size_t room) { return ::lgetxattr(path.c_str(), name, to, room); });
}

Xattrs read_xattrs(int fd) {
  return collect([&](char* to, std::size_t room) { return ::flistxattr(fd, to, room); },
                 [&](char const* name, void* to, std::size_t room) { return ::fgetxattr(fd, name, to, room); });
}

}  // namespace b2b
