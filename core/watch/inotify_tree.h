// The inotify watches of one tree: which directories have one, and what each event means. No waiting and no timers: the
// caller reads the descriptor, hands the bytes in and calls work() while there is any.
//
// The order that loses nothing: a directory gets its watch first, is listed then, and is reported last. A removed or renamed
// directory loses the watches of its whole tree, and is looked for again under both names, so that no event has to be
// paired with another, and no late one does harm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_set>

#include "core/watch/inotify_events.h"
#include "core/watch/watch_system.h"
#include "core/watch/watch_table.h"

namespace b2b {

class InotifyTree {
 public:
  using Skip = std::function<bool(std::string_view path)>;
  using Changed = std::function<void(std::string const& path)>;
  // `root` is absolute and does not end with '/' (but for "/" itself).
  InotifyTree(WatchSystem& system, std::string root, Skip skip, Changed changed);

  // Begins anew on this descriptor, which stays the caller's: the directory above the root is watched, then the root.
  // False: there is no directory at the root; only its return is watched for.
  bool attach(int fd);

  struct Outcome {
    bool look_at_root = false;  // it may be another one now: ask root_is_the_same()
    std::string lost;           // not empty: events were lost for this reason; attach again
  };
  Outcome handle(std::span<std::uint8_t const> bytes);
  bool root_is_the_same();

  // Directories that are still to be watched and listed; work() does up to `count` of them.
  std::size_t pending() const { return pending_.size(); }
  void work(std::size_t count);

  std::size_t watched() const { return table_.size(); }
  // Trees whose topmost directory the system refuses to watch, and why it refused the last of them.
  std::set<std::string> const& unwatched() const { return unwatched_; }
  int unwatched_error() const { return unwatched_error_; }
  void retry_unwatched();  // queues them again

 private:
  enum class Added { yes, no, refused };
  std::string absolute(std::string const& path) const;
  Added add(std::string const& path);
  void drop_watch(int watch);
  void forget(std::string const& path);
  void handle_parent(InotifyEvent const& event, Outcome& outcome);
  void handle_entry(std::string const& directory, InotifyEvent const& event);
  void handle_one(InotifyEvent const& event, Outcome& outcome);

  WatchSystem& system_;
  std::string const root_, parent_, base_;
  Skip skip_;
  Changed changed_;
  int fd_ = -1, root_watch_ = -1, parent_watch_ = -1;
  WatchTable table_;
  std::unordered_set<int> dropped_;      // watches that we gave up; their IN_IGNORED is still to come
  std::map<std::string, bool> pending_;  // and whether it is to be reported; a directory comes before those in it
  std::set<std::string> unwatched_;
  int unwatched_error_ = 0;
};

}  // namespace b2b
