#include "core/watch/inotify_tree.h"

#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/util/file.h"
#include "core/util/path.h"
#include "core/watch/directory_list.h"

namespace b2b {
namespace {

// Not IN_CLOSE_WRITE: opening a database for reading and closing it would count as a change.
constexpr std::uint32_t tree_mask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr std::uint32_t parent_mask =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;
constexpr std::string_view own_folder = "b2backupd";  // in the root

}  // namespace

InotifyTree::InotifyTree(WatchSystem& system, std::string root, Skip skip, Changed changed)
    : system_(system),
      root_(std::move(root)),
      parent_(parent_path(root_).empty() ? "/" : parent_path(root_)),
      base_(base_name(root_)),
      skip_(std::move(skip)),
      changed_(std::move(changed)) {}

std::string InotifyTree::absolute(std::string const& path) const { return path.empty() ? root_ : join_path(root_, path); }

bool InotifyTree::attach(int fd) {
  fd_ = fd;
  root_watch_ = parent_watch_ = -1;
  table_.clear();
  dropped_.clear();
  pending_.clear();
  unwatched_.clear();
  if (root_ != "/") parent_watch_ = std::max(-1, system_.add(fd_, parent_, parent_mask));
  if (add("") == Added::no) return false;
  if (table_.contains("")) pending_.emplace("", false);
  return true;
}

InotifyTree::Added InotifyTree::add(std::string const& path) {
  int const watch = system_.add(fd_, absolute(path), tree_mask | (path.empty() ? 0 : IN_DONT_FOLLOW));
  if (watch >= 0) {
    if (int const lost = table_.put(path, watch); lost >= 0) drop_watch(lost);
    if (path.empty()) root_watch_ = watch;
    unwatched_.erase(path);
    return Added::yes;
  }
  int const error = -watch;
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
    forget(path);
    return Added::no;
  }
  // One that may not be read is named by the scan; a change of its mode brings it back here.
  if (error == EACCES && !path.empty()) return Added::no;
  unwatched_error_ = error;
  for (std::string top = path; !unwatched_.contains(top); top = parent_path(top)) {
    if (!top.empty()) continue;
    unwatched_.insert(path);  // nothing above it is polled as a whole
    break;
  }
  return Added::refused;
}

void InotifyTree::drop_watch(int watch) {
  dropped_.insert(watch);
  system_.remove(fd_, watch);
}

void InotifyTree::forget(std::string const& path) {
  for (int const watch : table_.erase_tree(path))
    drop_watch(watch);
  std::erase_if(unwatched_, [&](std::string const& top) { return is_at_or_below(top, path); });
}

void InotifyTree::retry_unwatched() {
  for (auto const& top : unwatched_)
    pending_[top] = true;
}

bool InotifyTree::root_is_the_same() {
  // The kernel has one watch for each directory: asking again gives the same number, or it is another directory.
  if (root_watch_ < 0) return false;
  int const watch = system_.add(fd_, root_, tree_mask);
  return watch == root_watch_;
}

void InotifyTree::work(std::size_t count) {
  for (; count > 0 && !pending_.empty(); --count) {
    std::string const path = pending_.begin()->first;
    bool const report = pending_.begin()->second;
    pending_.erase(pending_.begin());
    bool const was_refused = unwatched_.contains(path);
    auto const added = add(path);
    if (added == Added::no) continue;
    if (added == Added::yes) {
      list_directory(absolute(path), path.empty(), [&](std::string_view name, bool is_directory) {
        if (path.empty() && name == own_folder) return;
        std::string child = join_path(path, name);
        if (!is_directory) {
          if (report) changed_(child);
        } else if (!skip_ || !skip_(child)) {
          auto const place = pending_.emplace(std::move(child), report).first;
          place->second = place->second || report;
        }
      });
    }
    if (report && !(was_refused && added == Added::refused)) changed_(path);
  }
}

InotifyTree::Outcome InotifyTree::handle(std::span<std::uint8_t const> bytes) {
  Outcome outcome;
  while (outcome.lost.empty()) {
    auto const event = next_inotify_event(bytes);
    if (event) {
      handle_one(*event, outcome);
      continue;
    }
    if (!bytes.empty()) outcome.lost = "the system reported changes in a form that is not understood";
    break;
  }
  return outcome;
}

void InotifyTree::handle_one(InotifyEvent const& event, Outcome& outcome) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    outcome.lost = "there were more changes at once than the system keeps";
    return;
  }
  if (event.watch == parent_watch_) return handle_parent(event, outcome);
  std::string const* const directory = table_.path_of(event.watch);
  if (directory == nullptr) {
    if ((event.mask & IN_IGNORED) != 0)
      dropped_.erase(event.watch);
    else if (!dropped_.contains(event.watch))
      outcome.lost = "the system reported a change in a directory that is not known";
    return;
  }
  bool const is_root = event.watch == root_watch_;
  if ((event.mask & (IN_UNMOUNT | IN_IGNORED)) != 0) {
    if ((event.mask & IN_UNMOUNT) != 0) dropped_.insert(event.watch);  // IN_IGNORED follows
    table_.erase(event.watch);
    if (is_root) {
      root_watch_ = -1;
      outcome.look_at_root = true;
    } else if ((event.mask & IN_UNMOUNT) != 0) {
      outcome.lost = "a file system was unmounted";
    }
    return;
  }
  if (event.name.empty()) {  // about the directory itself; for all but the root, the one above says it, too
    if (is_root && (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) outcome.look_at_root = true;
    if (is_root && (event.mask & IN_ATTRIB) != 0) changed_("");
    return;
  }
  if (is_root && event.name == own_folder) return;
  handle_entry(*directory, event);
}

void InotifyTree::handle_parent(InotifyEvent const& event, Outcome& outcome) {
  if ((event.mask & IN_IGNORED) != 0) parent_watch_ = root_watch_ = -1;  // nothing is below it any more
  if (event.name.empty() || event.name == base_) outcome.look_at_root = true;
}

void InotifyTree::handle_entry(std::string const& directory, InotifyEvent const& event) {
  std::string const path = join_path(directory, event.name);
  if ((event.mask & IN_ISDIR) == 0) return changed_(path);
  if (skip_ && skip_(path)) return;
  if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
    forget(path);
    changed_(path);
    pending_[path] = true;  // another one may have taken its place before this event was read
  } else if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0 || !table_.contains(path)) {
    pending_[path] = true;
  } else {
    changed_(path);
  }
}

}  // namespace b2b
