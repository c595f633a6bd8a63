// A watcher that asks instead of being told: a round over the tree every poll_interval (poll_scan.h says what it keeps).
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "core/util/error.h"
#include "core/watch/poll_scan.h"
#include "core/watch/watch.h"

namespace b2b {
namespace {

constexpr std::size_t directories_at_once = 128;  // then others of the context have a turn

class Poller : public std::enable_shared_from_this<Poller> {
 public:
  Poller(boost::asio::any_io_executor executor, WatchOptions options, WatchCallbacks callbacks, std::string reason)
      : executor_(executor),
        timer_(executor),
        options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        reason_(std::move(reason)),
        scan_(options_.root, options_.may_skip_directory) {
    B2B_ASSERT(options_.root.starts_with('/'));
    B2B_ASSERT(options_.poll_interval.count() > 0);
  }

  void start() {
    boost::asio::post(executor_, [self = shared_from_this()] { self->begin(); });
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void begin() {
    if (stopped_) return;
    scan_.begin({""}, !lost_.empty());
    step();
  }

  void step() {
    if (stopped_) return;
    bool const complete = scan_.step(directories_at_once, [this](std::string const& path) {
      if (!stopped_) callbacks_.changed(path);
    });
    if (stopped_) return;
    if (!complete) return boost::asio::post(executor_, [self = shared_from_this()] { self->step(); });
    report();
    if (stopped_) return;
    timer_.expires_after(options_.poll_interval);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code failed) {
      if (!failed) self->begin();
    });
  }

  void report() {
    if (scan_.root_missing()) {
      lost_ = "the directory was made again";
      return set_state({WatchState::Kind::gone, "there is no directory " + options_.root, {}});
    }
    set_state({WatchState::Kind::degraded, reason_, {}});
    if (!stopped_ && !lost_.empty()) callbacks_.desynced(std::exchange(lost_, {}));
  }

  void set_state(WatchState state) {
    if (std::exchange(state_known_, true) && state == state_) return;
    state_ = std::move(state);
    callbacks_.state(state_);
  }

  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer timer_;
  WatchOptions const options_;
  WatchCallbacks const callbacks_;
  std::string const reason_;
  PollScan scan_;
  std::string lost_ = "watching has begun";  // not empty: a loss that the next round reports
  WatchState state_;
  bool state_known_ = false, stopped_ = false;
};

class PollingWatcher final : public Watcher {
 public:
  explicit PollingWatcher(std::shared_ptr<Poller> poller) : poller_(std::move(poller)) {}
  ~PollingWatcher() override { poller_->stop(); }
  void start() override { poller_->start(); }
  void stop() override { poller_->stop(); }

 private:
  std::shared_ptr<Poller> poller_;  // handlers hold it, too, and so may outlive this
};

}  // namespace

std::unique_ptr<Watcher> make_polling_watcher(boost::asio::any_io_executor executor, WatchOptions options,
                                              WatchCallbacks callbacks, std::string reason) {
  return std::make_unique<PollingWatcher>(
      std::make_shared<Poller>(std::move(executor), std::move(options), std::move(callbacks), std::move(reason)));
}

}  // namespace b2b
