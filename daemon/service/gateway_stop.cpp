#include "daemon/service/gateway_stop.h"

#include <algorithm>

namespace b2b::service {
namespace {

constexpr std::chrono::seconds interval{1};
constexpr int looks_for_a_hint = 20;

}  // namespace

bool is_real_stop(std::string_view reason) { return reason == "gateway stopping"; }

GatewayStop::GatewayStop(boost::asio::any_io_executor executor, Probe probe, std::function<void(End)> ended)
    : timer_(std::move(executor)), probe_(std::move(probe)), ended_(std::move(ended)) {}

void GatewayStop::hint(std::string_view reason, std::chrono::milliseconds longest) {
  real_ = is_real_stop(reason) || (waiting_ && real_);
  int const looks = real_ ? static_cast<int>(longest / interval) : looks_for_a_hint;
  looks_left_ = std::max(waiting_ ? looks_left_ : 0, std::max(looks, 1));
  if (waiting_) return;
  waiting_ = true;
  pid_ = probe_().pid;
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code code) {
    if (!code) look();
  });
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
  timer_.expires_after(interval);
  timer_.async_wait([this](boost::system::error_code code) {
    if (!code) look();
  });
}

}  // namespace b2b::service
