// A timer that knows about wall-clock jumps and sleep: timerfd on CLOCK_REALTIME, cancelled when somebody sets the clock. A
// schedule that is due while the machine sleeps fires when it wakes up. Silent in between. Belongs to the thread of the
// executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b::service {

class WallTimer {
 public:
  // `fired` is called when the set time has come, and when the clock jumped (then the owner sets it anew).
  static Result<std::unique_ptr<WallTimer>> create(boost::asio::any_io_executor executor, std::function<void()> fired);
  ~WallTimer();
  Result<void> set(TimePoint when);  // replaces what was set; a time that has passed fires at once
  Result<void> clear();

 private:
  struct Impl;
  explicit WallTimer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace b2b::service
