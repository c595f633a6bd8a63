// Tells soon that something below a directory changed. Events are hints: a scan is the truth. They may name too much, late
// or twice; whatever could not be named becomes one desynced(), after which the owner looks at everything again.
//
// One watcher watches one root, on the owner's io_context and without a thread of its own: make, start, stop and destroy
// it on the thread that runs the context (or while none does); every callback comes from there. It only reads. While
// nothing changes, nothing wakes up, except for the polling of what the system refuses to watch and of a root that is gone.
//
// Symlinked directories are not followed (a root that is a symlink is); our own folder `b2backupd` in the root is left
// alone. Not seen: writes through a memory map, file systems mounted into the tree later, what other machines do on a
// network file system, and a rename of a directory two or more levels above the root. The scheduled scan finds those.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace b2b {

struct WatchState {
  enum class Kind {
    healthy,   // changes are reported within a second
    degraded,  // all or part of the tree is polled
    gone,      // there is no directory at the root now; it is watched for
  };
  Kind kind = Kind::healthy;
  std::string reason;  // for degraded and gone: a sentence without a full stop
  std::string advice;  // what to do about it, with the exact setting; may be empty
  bool operator==(WatchState const&) const = default;
};

// A callback may stop or destroy the watcher. All must be set.
struct WatchCallbacks {
  // `path` (bytes, relative to the root, "" is the root) was made, written, removed or moved, or got other metadata. For a
  // directory: its entries, too; one that came, moved or was removed stands for all that is or was below it, also if it is
  // back where it was; and a polled one for what is or was directly in it, unless that is now as it was at the last look.
  // Whether the path is of interest is the owner's to say: excluded files in watched directories are named.
  std::function<void(std::string const& path)> changed;
  // Changes may have been missed: rescan. Also comes once after start(), when everything is watched: what changed before is
  // found by the scan, what changes after it is reported.
  std::function<void(std::string const& reason)> desynced;
  // At start and whenever it changes; before the desynced() that belongs to it.
  std::function<void(WatchState const& state)> state;
};

struct WatchOptions {
  std::string root;  // absolute
  // Nothing in the directory at this relative path, at any depth, matters: it gets no watch. Empty: all directories matter.
  std::function<bool(std::string_view path)> may_skip_directory;
  std::chrono::milliseconds poll_interval = std::chrono::seconds(60);  // for what must be polled
  std::chrono::milliseconds rest{50};  // after each burst of changes, while the next ones gather
};

class Watcher {
 public:
  virtual ~Watcher() = default;  // stops
  virtual void start() = 0;      // once; returns at once, the first callbacks come later
  virtual void stop() = 0;       // no callback after it; may be called twice
};

// This system's own: inotify, which polls what it cannot watch.
std::unique_ptr<Watcher> make_watcher(boost::asio::any_io_executor executor, WatchOptions options, WatchCallbacks callbacks);

// Compares the tree with itself every poll_interval; always `degraded` with this reason, or gone.
std::unique_ptr<Watcher> make_polling_watcher(boost::asio::any_io_executor executor, WatchOptions options,
                                              WatchCallbacks callbacks, std::string reason);

}  // namespace b2b
