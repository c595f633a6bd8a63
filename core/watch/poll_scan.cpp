#include "core/watch/poll_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <utility>

#include "core/util/file.h"
#include "core/watch/directory_list.h"

namespace b2b {
namespace {

constexpr std::string_view own_folder = "b2backupd";  // in the root

std::uint64_t mixed(std::uint64_t value) {  // splitmix64's finalizer
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::uint64_t hash_of(std::string_view text) {  // FNV-1a
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (unsigned char const byte : text)
    hash = (hash ^ byte) * 0x100000001b3ULL;
  return mixed(hash);
}

std::uint64_t hash_of(std::uint64_t hash, std::initializer_list<std::uint64_t> values) {
  for (auto const value : values)
    hash = mixed(hash + 0x9e3779b97f4a7c15ULL + value);
  return hash;
}

std::uint64_t nanoseconds(timespec const& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

PollScan::PollScan(std::string root, std::function<bool(std::string_view)> skip, std::size_t max)
    : root_(std::move(root)), skip_(std::move(skip)), max_(max) {}

void PollScan::begin(std::vector<std::string> tops, bool silent) {
  silent_ = silent;
  root_missing_ = false;
  seen_ = 0;
  pending_ = std::move(tops);
  now_.clear();
  rest_now_ = 0;
}

bool PollScan::step(std::size_t count, std::function<void(std::string const& path)> const& changed) {
  for (; count > 0 && !pending_.empty(); --count) {
    std::string const path = std::move(pending_.back());
    pending_.pop_back();
    look_at(path, changed);
  }
  if (!pending_.empty()) return false;
  std::sort(now_.begin(), now_.end());
  before_ = std::exchange(now_, {});
  if (std::exchange(rest_before_, rest_now_) != rest_now_ && !silent_) changed("");
  return true;
}

void PollScan::look_at(std::string const& path, std::function<void(std::string const& path)> const& changed) {
  struct stat self {};
  std::uint64_t content = 0;  // a sum, since entries come in any order
  int const error = list_directory_stat(
      path.empty() ? root_ : join_path(root_, path), path.empty(), &self, [&](std::string_view name, struct stat const& info) {
        if (path.empty() && name == own_folder) return;
        bool const is_directory = S_ISDIR(info.st_mode);
        std::string child = is_directory ? join_path(path, name) : std::string();
        if (is_directory && skip_ && skip_(child)) return;
        std::uint64_t hash = hash_of(hash_of(name), {info.st_mode, info.st_uid, info.st_gid, info.st_ino});
        if (is_directory)
          pending_.push_back(std::move(child));
        else
          hash = hash_of(hash, {static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)});
        content += hash;
      });
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
    root_missing_ = root_missing_ || path.empty();
    return;  // the directory above differs, in this round or in the next
  }
  ++seen_;
  // An entry that is skipped leaves no trace; so the directory's own times stay out, which it would change, too.
  content = hash_of(content, {self.st_mode, self.st_uid, self.st_gid, static_cast<std::uint64_t>(error)});
  Known const known{hash_of(path), content};
  if (now_.size() >= max_) {
    rest_now_ += hash_of(known.path, {known.content});
    return;
  }
  now_.push_back(known);
  if (silent_) return;
  auto const old = std::lower_bound(before_.begin(), before_.end(), known);
  if (old == before_.end() || old->path != known.path || old->content != known.content) changed(path);
}

}  // namespace b2b
