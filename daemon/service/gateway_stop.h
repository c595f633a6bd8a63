// A gateway said that it stops: when is it gone? It writes until the very end, so the last snapshot belongs after it has let go
// of its lock. Polls once a second while it waits, and never otherwise. One thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/gateway/probe.h"

namespace b2b::service {

// Reasons as OpenClaw gives them. A stop is waited for as long as the gateway may drain; anything else (a hot reload, a restart in
// the same process, a command that ends) is a hint that is dropped unless the gateway is gone soon.
bool is_real_stop(std::string_view reason);

class GatewayStop {
 public:
  enum class End {
    stopped,   // its lock is free
    running,   // it still runs, or another one has begun
    dropped,   // it was no stop after all
  };
  using Probe = std::function<GatewayState()>;
  // `interval`: between two looks; tests make it short.
  GatewayStop(boost::asio::any_io_executor executor, Probe probe, std::function<void(End)> ended,
              std::chrono::milliseconds interval = std::chrono::seconds(1));

  // A new hint while one is waited for prolongs it.
  void hint(std::string_view reason, std::chrono::milliseconds longest);
  void cancel();                                  // nothing ends any more
  bool waiting() const { return waiting_; }

 private:
  void look();
  void look_later();
  boost::asio::steady_timer timer_;
  Probe probe_;
  std::function<void(End)> ended_;
  std::chrono::milliseconds interval_;
  bool waiting_ = false;
  bool real_ = false;
  std::optional<int> pid_;
  int looks_left_ = 0;
};

}  // namespace b2b::service
