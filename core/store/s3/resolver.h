// The addresses of one host, looked up off the calling thread so that a stop or a timeout is heeded
// meanwhile. Thread-safe: concurrent callers share one lookup, and its result for a while.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b::s3 {

class Resolver {
 public:
  Resolver(std::string host, Clock& clock) : host_(std::move(host)), clock_(clock) {}
  Resolver(Resolver const&) = delete;
  Resolver& operator=(Resolver const&) = delete;
  ~Resolver();  // waits for a lookup under way (the system bounds those, /etc/resolv.conf)

  // Numeric addresses in the order to try them; never empty. unreachable, or cancelled.
  Result<std::vector<std::string>> addresses(std::chrono::nanoseconds timeout, std::stop_token const& stop);

 private:
  void look_up();

  std::string const host_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any finished_;
  bool running_ = false;
  int failure_ = 0;  // of the last lookup, getaddrinfo's code
  std::vector<std::string> found_;
  std::chrono::nanoseconds found_at_{};
  std::thread worker_;
};

}  // namespace b2b::s3
