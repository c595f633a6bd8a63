#include "daemon/service/gateway_stop.h"

#include <algorithm>

namespace b2b::service {
namespace {

constexpr int looks_for_a_hint = 20;

}  // namespace

bool is_real_stop(std::string_view reason) { return reason == "gateway stopping"; }

GatewayStop::GatewayStop(boost::asio::any_io_executor executor, Probe probe, std::function<void(End)> ended,
                         std::chrono::milliseconds interval)
    : timer_(std::move(executor)), probe_(std::move(probe)), ended_(std::move(ended)), interval_(interval) {}

void GatewayStop::hint(std::string_view reason, std::chrono::milliseconds longest) {
  real_ = is_real_stop(reason) || (waiting_ && real_);
  int const looks = real_ ? static_cast<int>(longest / interval_) : looks_for_a_hint;
  looks_left_ = std::max(waiting_ ? looks_left_ : 0, std::max(looks, 1));
  if (waiting_) return;
  waiting_ = true;
  pid_ = probe_().pid;
  look_later();
}

void GatewayStop::cancel() {
  waiting_ = false;
  timer_.cancel();
}

void GatewayStop::look() {
  GatewayState const state = probe_();
  std::optional<End> end;
  if (state.running == GatewayState::Running::stopped) {
    end = End::stopped;
  } else if (pid_ && state.pid && *state.pid != *pid_) {
    end = End::running;  // the next one is there already
  } else if (--looks_left_ <= 0) {
    end = real_ ? End::running : End::dropped;
  }
  if (end) {
    waiting_ = false;
    ended_(*end);
    return;
  }
  look_later();
}

void GatewayStop::look_later() {
  timer_.expires_after(interval_);
  timer_.async_wait([this](boost::system::error_code code) {
    if (!code && waiting_) look();  // cancelled when the time had come already: the code does not tell
  });
}

}  // namespace b2b::service
