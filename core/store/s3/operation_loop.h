// The event loop of one connection, run by whoever uses the connection: starts asynchronous operations, runs
// them while watching for progress and for a requested stop, and drains them after the socket was closed.
// Includes Asio, so only connection.cpp uses it.
#pragma once

#include <algorithm>
#include <chrono>
#include <stop_token>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "core/util/clock.h"

namespace b2b::s3 {

// One operation's outcome. Its handler writes here, so this outlives the handler: see OperationLoop::drain().
struct Operation {
  bool started = false;
  bool done = false;
  boost::system::error_code error;
  std::size_t bytes = 0;
};

enum class Ran { finished, stalled, stopped };

class OperationLoop {
 public:
  explicit OperationLoop(Clock& clock) : clock_(clock) {}

  boost::asio::io_context& context() { return context_; }
  bool idle() const { return pending_ == 0; }

  // The completion handler for an operation that is about to start.
  auto handler(Operation& operation) {
    operation = Operation{};
    operation.started = true;
    ++pending_;
    return [this, &operation](boost::system::error_code error, std::size_t bytes = 0) {
      operation.error = error;
      operation.bytes = bytes;
      operation.done = true;
      --pending_;
    };
  }

  // Runs until `finished`. Each handler that runs is a sign of progress: sockets complete with bytes or an
  // error.
  template <class Predicate>
  Ran run(Predicate finished, std::chrono::nanoseconds timeout, std::stop_token const& stop) {
    constexpr std::chrono::milliseconds slice{200};  // how soon a requested stop is noticed
    auto last_progress = clock_.monotonic();
    while (!finished()) {
      if (stop.stop_requested()) return Ran::stopped;
      context_.restart();
      if (context_.run_one_for(std::min<std::chrono::nanoseconds>(slice, timeout)) > 0) {
        last_progress = clock_.monotonic();
      } else if (clock_.monotonic() - last_progress >= timeout) {
        // On a busy machine this thread may have slept through the whole time: look once more before giving
        // up.
        context_.restart();
        if (context_.poll_one() == 0) return Ran::stalled;
        last_progress = clock_.monotonic();
      }
    }
    return Ran::finished;
  }

  // After the socket was closed: lets every handler run, so that nothing points to an operation any more.
  void drain() {
    while (pending_ > 0) {
      context_.restart();
      if (context_.run_one() == 0) break;
    }
  }

 private:
  Clock& clock_;
  boost::asio::io_context context_{1};
  std::size_t pending_ = 0;
};

}  // namespace b2b::s3
