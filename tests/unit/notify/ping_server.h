// A monitor for tests: notes each request and answers what it is told to.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

namespace b2b::test {

class PingServer {
 public:
  // The status for the n-th request, from 0; 0: never answer.
  using Script = std::function<unsigned(std::size_t)>;
  struct Request {
    std::string line;  // "GET /x HTTP/1.1"
    std::string head;
    std::string body;
  };

  explicit PingServer(Script script)
      : script_(std::move(script)),
        acceptor_(loop_, {boost::asio::ip::address_v4::loopback(), 0}),
        thread_([this] { run(); }) {}
  ~PingServer() {
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }
  std::string url(std::string const& path) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }
  std::vector<Request> requests() const {
    std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  void run() {
    while (!stopping_) {
      boost::system::error_code error;
      boost::asio::ip::tcp::socket socket = acceptor_.accept(error);
      if (!error) serve(socket);
    }
  }

  // One request; the connection closes with it.
  void serve(boost::asio::ip::tcp::socket& socket) {
    boost::system::error_code error;
    std::string text;
    std::size_t const head_end =
        boost::asio::read_until(socket, boost::asio::dynamic_buffer(text), "\r\n\r\n", error);
    if (error) return;
    Request request{text.substr(0, text.find("\r\n")), text.substr(0, head_end), text.substr(head_end)};
    std::size_t const length_at = request.head.find("Content-Length: ");
    if (length_at != std::string::npos) {
      auto const length = static_cast<std::size_t>(std::stoul(request.head.substr(length_at + 16)));
      std::string rest(length - std::min(length, request.body.size()), 0);
      boost::asio::read(socket, boost::asio::buffer(rest), error);
      if (error) return;
      request.body += rest;
    }
    std::size_t number = 0;
    {
      std::scoped_lock lock(mutex_);
      number = requests_.size();
      requests_.push_back(std::move(request));
    }
    unsigned const status = script_(number);
    if (status == 0) {
      char byte = 0;
      boost::asio::read(socket, boost::asio::buffer(&byte, 1), error);  // until the other side closes
      return;
    }
    std::string const answer =
        "HTTP/1.1 " + std::to_string(status) +
        " x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK";
    boost::asio::write(socket, boost::asio::buffer(answer), error);
  }

  Script script_;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  boost::asio::io_context loop_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace b2b::test
