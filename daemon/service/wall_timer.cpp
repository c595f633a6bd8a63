#include "daemon/service/wall_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>

namespace b2b::service {

struct WallTimer::Impl : std::enable_shared_from_this<WallTimer::Impl> {
  Impl(boost::asio::any_io_executor executor, int fd, std::function<void()> fired_in)
      : descriptor(std::move(executor), fd), fired(std::move(fired_in)) {}

  void wait() {
    descriptor.async_wait(boost::asio::posix::descriptor_base::wait_read,
                          [self = shared_from_this()](boost::system::error_code code) {
                            if (code || self->closed) return;
                            std::uint64_t count = 0;
                            // ECANCELED: the clock was set. EAGAIN: set anew since it fired.
                            ssize_t const got = ::read(self->descriptor.native_handle(), &count, sizeof count);
                            if (got > 0 || errno == ECANCELED) self->fired();
                            if (!self->closed) self->wait();
                          });
  }

  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> fired;
  bool closed = false;
};

Result<std::unique_ptr<WallTimer>> WallTimer::create(boost::asio::any_io_executor executor, std::function<void()> fired) {
  int const fd = ::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return errno_error(errno, "make a timer", "");
  auto impl = std::make_shared<Impl>(std::move(executor), fd, std::move(fired));
  impl->wait();
  return std::unique_ptr<WallTimer>(new WallTimer(std::move(impl)));
}

WallTimer::~WallTimer() {
  impl_->closed = true;
  boost::system::error_code ignored;
  impl_->descriptor.close(ignored);
}

Result<void> WallTimer::set(TimePoint when) {
  auto const since = when.time_since_epoch();
  auto const seconds = std::chrono::floor<std::chrono::seconds>(since);
  itimerspec spec{};
  spec.it_value.tv_sec = static_cast<time_t>(seconds.count());
  spec.it_value.tv_nsec = static_cast<long>((since - seconds).count());
  if (spec.it_value.tv_sec <= 0 && spec.it_value.tv_nsec == 0) spec.it_value.tv_nsec = 1;  // zero would switch it off
  if (::timerfd_settime(impl_->descriptor.native_handle(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, nullptr) != 0)
    return errno_error(errno, "set a timer", "");
  return {};
}

Result<void> WallTimer::clear() {
  itimerspec const off{};
  if (::timerfd_settime(impl_->descriptor.native_handle(), 0, &off, nullptr) != 0) return errno_error(errno, "clear a timer", "");
  return {};
}

}  // namespace b2b::service
