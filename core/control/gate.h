// The way back to the server's thread for whatever runs elsewhere. Closed when the server ends, so that an
// answer that comes later, perhaps after the event loop itself is gone, is dropped instead of touching it.
// Includes Asio: for the server's own files.
#pragma once

#include <mutex>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace b2b::control {

class Gate {
 public:
  explicit Gate(boost::asio::io_context& context) : context_(&context) {}

  // Runs `work` on the server's thread, later; never when the gate is closed. From any thread.
  template <class Work>
  void post(Work work) {
    std::scoped_lock lock(mutex_);
    if (context_ != nullptr) boost::asio::post(*context_, std::move(work));
  }

  void close() {
    std::scoped_lock lock(mutex_);
    context_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* context_;
};

}  // namespace b2b::control
