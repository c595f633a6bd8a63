#include "core/watch/inotify_shell.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "core/util/error.h"
#include "core/util/fd.h"
#include "core/watch/watch_advice.h"

namespace b2b {
namespace {

constexpr std::size_t read_bytes = 64 << 10;      // some 2,000 events
constexpr int reads_in_a_row = 4;                 // then others of the context have a turn
constexpr std::size_t most_pending = 4096;        // directories; with more to do, events stay in the kernel's bounded queue
constexpr std::size_t most_changes = 4096;        // paths of one burst that are held to leave out doubles
constexpr std::size_t directories_at_once = 128;  // watched or polled before others of the context have a turn

std::string without_slashes(std::string root) {
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  return root;
}

WatchOptions checked(WatchOptions options) {
  options.root = without_slashes(std::move(options.root));
  B2B_ASSERT(options.root.starts_with('/'));
  B2B_ASSERT(options.poll_interval.count() > 0);
  return options;
}

}  // namespace

InotifyShell::InotifyShell(boost::asio::any_io_executor executor, WatchOptions options, WatchCallbacks callbacks,
                           WatchSystem& system)
    : executor_(executor),
      options_(checked(std::move(options))),
      callbacks_(std::move(callbacks)),
      system_(system),
      descriptor_(executor),
      rest_(executor),
      poll_timer_(executor),
      tree_(system, options_.root, options_.may_skip_directory, [this](std::string const& path) { note_changed(path); }),
      poll_scan_(options_.root, options_.may_skip_directory) {}

template <class Member>
auto InotifyShell::handler(Member member) {
  return [self = shared_from_this(), generation = generation_, member](boost::system::error_code failed = {}) {
    if (failed || self->stopped_ || self->generation_ != generation) return;
    (self.get()->*member)();
  };
}

void InotifyShell::start() {
  boost::asio::post(executor_, [self = shared_from_this()] {
    if (!self->stopped_) self->attach("watching has begun");
  });
}

void InotifyShell::stop() {
  if (std::exchange(stopped_, true)) return;
  ++generation_;
  rest_.cancel();
  poll_timer_.cancel();
  // Not closed here: a callback may be stopping us, and what called it still uses the descriptor.
  boost::asio::post(executor_, [self = shared_from_this()] {
    self->fd_.reset();
  });
  leave_reactor();
}

void InotifyShell::leave_reactor() {
  if (descriptor_.is_open()) descriptor_.release();
}

void InotifyShell::attach(std::string reason) {
  ++generation_;
  rest_.cancel();
  poll_timer_.cancel();
  leave_reactor();
  fd_.reset();
  changes_.clear();  // the rescan finds them
  polling_ = false;
  polled_tops_ = 0;
  desynced_reason_ = std::move(reason);
  drained_ = true;
  int const fd = system_.open();
  blind_ = fd < 0;
  gone_ = false;
  if (blind_) {
    blind_error_ = -fd;
    return poll();
  }
  fd_ = UniqueFd(fd);
  gone_ = !tree_.attach(fd);
  if (!gone_) return boost::asio::post(executor_, handler(&InotifyShell::go_on));
  set_state({WatchState::Kind::gone, "there is no directory " + options_.root, {}});
  if (stopped_) return;
  wait_for_events();
  poll_again();
}

void InotifyShell::wait_for_events() {
  boost::system::error_code failed;
  descriptor_.assign(fd_.get(), failed);
  if (failed) {
    ++generation_;
    polling_ = false;
    fd_.reset();
    gone_ = false;
    blind_ = true;
    blind_error_ = failed.value();
    desynced_reason_ = "changes can no longer be waited for";
    return poll();
  }
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read, handler(&InotifyShell::go_on));
}

void InotifyShell::go_on() {
  leave_reactor();
  if (!read_events()) return;
  tree_.work(directories_at_once);
  flush_changes();
  if (stopped_) return;
  if (tree_.pending() > 0 || !drained_) return boost::asio::post(executor_, handler(&InotifyShell::go_on));
  finish_or_wait();
}

bool InotifyShell::read_events() {
  bool root_in_doubt = false;
  drained_ = false;
  buffer_.resize(read_bytes);
  for (int reads = 0; reads < reads_in_a_row && tree_.pending() < most_pending; ++reads) {
    auto const count = ::read(fd_.get(), buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      drained_ = true;
      break;
    }
    if (count <= 0) {
      attach("the system's reports of changes cannot be read");
      return false;
    }
    auto const outcome = tree_.handle(std::span(buffer_).first(static_cast<std::size_t>(count)));
    if (!outcome.lost.empty()) {
      attach(outcome.lost);
      return false;
    }
    root_in_doubt = root_in_doubt || outcome.look_at_root;
  }
  return !stopped_ && (!root_in_doubt || look_at_root());
}

bool InotifyShell::look_at_root() {
  if (tree_.root_is_the_same()) return true;
  flush_changes();
  if (!stopped_) set_state({WatchState::Kind::gone, "there is no directory " + options_.root, {}});
  if (!stopped_) attach("the directory was replaced or made again");
  return false;
}

void InotifyShell::finish_or_wait() {
  buffer_ = {};
  bool const new_to_poll = tree_.unwatched().size() > polled_tops_;
  polled_tops_ = tree_.unwatched().size();
  if (tree_.unwatched().empty() && !gone_)
    report_settled();
  else if (new_to_poll && !polling_)
    poll();
  if (stopped_) return;
  rest_.expires_after(options_.rest);
  rest_.async_wait(handler(&InotifyShell::wait_for_events));
}

// The state as it is now, and the loss that waits for all to be watched.
void InotifyShell::report_settled() {
  if (blind_)
    set_state(no_watches(blind_error_, system_.limit("max_user_instances")));
  else if (tree_.unwatched().empty())
    set_state({});
  else
    set_state(too_few_watches(tree_.unwatched_error(), poll_scan_.directories(), tree_.watched() + poll_scan_.directories(),
                              system_.limit("max_user_watches")));
  if (stopped_ || desynced_reason_.empty()) return;
  callbacks_.desynced(std::exchange(desynced_reason_, {}));
}

void InotifyShell::poll() {
  if (polling_) return;  // one began for a new directory meanwhile, and sets the timer when it is done
  if (gone_) return attach(desynced_reason_);
  bool const first_look = !desynced_reason_.empty();
  if (blind_ && !first_look) {
    UniqueFd const trial(system_.open());
    if (trial) return attach("watching has become possible");
  }
  if (!blind_ && !first_look) tree_.retry_unwatched();
  polling_ = true;
  poll_begin();
}

void InotifyShell::poll_begin() {
  std::vector<std::string> tops;
  if (blind_) {
    tops.emplace_back();
  } else {
    tree_.work(directories_at_once);
    flush_changes();
    if (stopped_) return;
    if (tree_.pending() > 0) return boost::asio::post(executor_, handler(&InotifyShell::poll_begin));
    for (auto const& top : tree_.unwatched())
      tops.push_back(top);
    polled_tops_ = tops.size();
  }
  poll_scan_.begin(std::move(tops), !desynced_reason_.empty());
  poll_step();
}

void InotifyShell::poll_step() {
  bool const complete = poll_scan_.step(directories_at_once, [this](std::string const& path) { note_changed(path); });
  flush_changes();
  if (stopped_) return;
  if (!complete) return boost::asio::post(executor_, handler(&InotifyShell::poll_step));
  polling_ = false;
  if (poll_scan_.root_missing()) {
    desynced_reason_ = "the directory was made again";
    set_state({WatchState::Kind::gone, "there is no directory " + options_.root, {}});
  } else {
    report_settled();
  }
  if (!stopped_ && (blind_ || !tree_.unwatched().empty())) poll_again();
}

void InotifyShell::poll_again() {
  poll_timer_.expires_after(options_.poll_interval);
  poll_timer_.async_wait(handler(&InotifyShell::poll));
}

void InotifyShell::note_changed(std::string const& path) {
  if (!desynced_reason_.empty()) return;  // the rescan finds it
  changes_.insert(path);
  if (changes_.size() >= most_changes) flush_changes();
}

void InotifyShell::flush_changes() {
  for (auto const& path : std::exchange(changes_, {})) {
    if (stopped_) return;
    callbacks_.changed(path);
  }
}

void InotifyShell::set_state(WatchState state) {
  if (std::exchange(state_known_, true) && state == state_) return;
  state_ = std::move(state);
  callbacks_.state(state_);
}

}  // namespace b2b
