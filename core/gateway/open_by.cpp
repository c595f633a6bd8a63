#include "core/gateway/open_by.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <utility>

#include "core/gateway/process.h"
#include "core/util/fd.h"

namespace b2b {
namespace {

using FileId = std::pair<std::uint64_t, std::uint64_t>;  // device, inode
using Wanted = std::map<FileId, std::vector<std::string>>;

struct CloseDirectory {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

Wanted wanted_files(std::vector<std::string> const& paths) {
  Wanted wanted;
  for (auto const& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) wanted[{status.st_dev, status.st_ino}].push_back(path);
  }
  return wanted;
}

enum class Inspected { yes, gone, refused };

// Adds the wanted files that the process has open. Looking at /proc/PID/fd/N opens nothing.
Inspected inspect(int pid, Wanted const& wanted, std::vector<Opener>& openers) {
  std::string const directory = "/proc/" + std::to_string(pid) + "/fd";
  DirectoryStream const stream(::opendir(directory.c_str()));
  if (!stream) return errno == ENOENT || errno == ESRCH ? Inspected::gone : Inspected::refused;
  std::map<FileId, bool> seen;
  for (;;) {
    errno = 0;
    dirent const* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    struct stat status {};
    if (entry->d_name[0] == '.' || ::fstatat(::dirfd(stream.get()), entry->d_name, &status, 0) != 0) continue;
    auto const found = wanted.find({status.st_dev, status.st_ino});
    if (found == wanted.end() || !seen.emplace(found->first, true).second) continue;
    auto const info = process_info(pid);
    for (auto const& path : found->second) openers.push_back({pid, info ? info->command : "", path});
  }
  if (errno == EACCES || errno == EPERM) return Inspected::refused;
  return Inspected::yes;  // any other error: it has just ended
}

bool is_ours(int pid) {
  struct stat status {};
  return ::stat(("/proc/" + std::to_string(pid)).c_str(), &status) == 0 && status.st_uid == ::geteuid();
}

}  // namespace

OpenFiles open_by(std::vector<std::string> const& paths) {
  OpenFiles out;
  auto const wanted = wanted_files(paths);
  DirectoryStream const processes(::opendir("/proc"));
  if (!processes) {
    out.complete = false;
    return out;
  }
  bool any = false;
  while (dirent const* const entry = ::readdir(processes.get())) {
    int pid = 0;
    char const* const end = entry->d_name + std::strlen(entry->d_name);
    auto const [parsed, error] = std::from_chars(entry->d_name, end, pid);
    if (error != std::errc() || parsed != end) continue;
    any = true;
    if (pid == ::getpid()) continue;
    auto const result = inspect(pid, wanted, out.openers);
    if (result != Inspected::refused) continue;
    auto const info = process_info(pid);
    if (!info || info->kernel_thread || info->zombie) continue;
    ++out.not_inspected;
    if (is_ours(pid)) out.complete = false;
  }
  if (!any) out.complete = false;
  return out;
}

}  // namespace b2b
