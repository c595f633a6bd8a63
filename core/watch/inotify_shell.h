// Runs an InotifyTree on an io_context: reads its descriptor, polls what it cannot watch, and finds a root that was gone.
//
// One chain of handlers at a time does everything: read what is queued → watch and list what is new → (after a loss) take
// the first look at what must be polled, then say state and desynced → wait. Beside it at most one round of polling at a time. After each burst it rests for a moment, so
// that ten thousand changes a second are twenty wake-ups; the kernel keeps what comes meanwhile, and says so if it cannot.
// A chain belongs to one generation; attaching anew, stop and destruction end it by going on to the next.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/util/fd.h"
#include "core/watch/inotify_tree.h"
#include "core/watch/poll_scan.h"
#include "core/watch/watch.h"

namespace b2b {

class InotifyShell : public std::enable_shared_from_this<InotifyShell> {
 public:
  InotifyShell(boost::asio::any_io_executor executor, WatchOptions options, WatchCallbacks callbacks, WatchSystem& system);
  void start();
  void stop();

 private:
  // Calls `member` with the shell held, unless another generation has begun by then.
  template <class Member>
  auto handler(Member member);
  void attach(std::string reason);
  void wait_for_events();
  void leave_reactor();
  void go_on();
  bool read_events();         // false: attached anew, or stopped
  bool look_at_root();        // same
  void finish_or_wait();
  void poll();
  void poll_begin();
  void poll_step();
  void poll_again();
  void report_settled();
  void note_changed(std::string const& path);
  void flush_changes();
  void set_state(WatchState state);

  boost::asio::any_io_executor executor_;
  WatchOptions const options_;
  WatchCallbacks const callbacks_;
  WatchSystem& system_;
  UniqueFd fd_;
  // The same number, only while it is waited for: left in the reactor, every change would wake the thread, also in a rest.
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer rest_, poll_timer_;
  InotifyTree tree_;
  PollScan poll_scan_;
  std::vector<std::uint8_t> buffer_;
  std::unordered_set<std::string> changes_;  // of the burst under way
  std::uint64_t generation_ = 0;
  bool stopped_ = false;
  bool drained_ = true;       // the descriptor had nothing more
  bool gone_ = false;         // there was no root to attach to
  bool blind_ = false;        // there is no inotify at all, for blind_error_
  int blind_error_ = 0;
  bool polling_ = false;      // a round is under way
  std::size_t polled_tops_ = 0;
  std::string desynced_reason_;  // not empty: a loss that is still to be reported
  WatchState state_;
  bool state_known_ = false;
};

}  // namespace b2b
