#include "tests/unit/control/harness.h"

#include <cstring>
#include <future>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace b2b::control::test {

struct TestServer::Loop {
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  std::unique_ptr<Server> server;
  std::thread thread;
};

TestServer::TestServer(Limits const& limits, PeerUser peer) : loop_(std::make_unique<Loop>()) {
  loop_->server = std::make_unique<Server>(loop_->context, limits, std::move(peer));
}

TestServer::~TestServer() {
  end();
}

Server& TestServer::server() {
  return *loop_->server;
}

void TestServer::start() {
  loop_->server->listen({path(), "", "/tmp"}).value();
  loop_->thread = std::thread([this] { loop_->context.run(); });
}

void TestServer::on_thread(std::function<void()> work) {
  std::promise<void> done;
  boost::asio::post(loop_->context, [&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

std::size_t TestServer::connections() {
  std::size_t count = 0;
  on_thread([&] { count = loop_->server->connections(); });
  return count;
}

bool TestServer::wait_for_connections(std::size_t count) {
  for (int i = 0; i < 5000; ++i) {
    if (connections() == count) return true;
    ::poll(nullptr, 0, 2);
  }
  return false;
}

std::size_t TestServer::wake_ups_within(std::chrono::milliseconds time) {
  boost::asio::post(loop_->context, [this] { loop_->context.stop(); });
  loop_->thread.join();
  loop_->context.restart();
  std::size_t const count = loop_->context.run_for(time);
  loop_->thread = std::thread([this] { loop_->context.run(); });
  return count;
}

void TestServer::destroy_server() {
  on_thread([&] { loop_->server.reset(); });
}

void TestServer::end() {
  if (loop_ == nullptr) return;
  if (loop_->thread.joinable()) {
    on_thread([&] { loop_->server.reset(); });
    loop_->work.reset();
    loop_->context.stop();
    loop_->thread.join();
  }
  loop_->server.reset();
  loop_.reset();
}

Wire::Wire(std::string const& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  auto const* plain = static_cast<sockaddr const*>(static_cast<void const*>(&address));
  if (::connect(fd.get(), plain, sizeof(address)) == 0) fd_ = std::move(fd);
}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd entry{fd_.get(), POLLOUT, 0};
    if (::poll(&entry, 1, 10'000) <= 0) return false;
    auto const sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Wire::half_close() {
  ::shutdown(fd_.get(), SHUT_WR);
}

bool Wire::readable_within(std::chrono::milliseconds time) const {
  pollfd entry{fd_.get(), POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(time.count())) > 0;
}

bool Wire::fill() {
  char bytes[16 * 1024];
  pollfd entry{fd_.get(), POLLIN, 0};
  if (::poll(&entry, 1, 10'000) <= 0) return false;
  auto const got = ::recv(fd_.get(), bytes, sizeof(bytes), 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::string Wire::until(std::string_view mark) {
  for (;;) {
    auto const found = buffer_.find(mark);
    if (found != std::string::npos) {
      std::string out = buffer_.substr(0, found + mark.size());
      buffer_.erase(0, found + mark.size());
      return out;
    }
    if (!fill()) return std::exchange(buffer_, {});
  }
}

std::string Wire::to_end() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string Wire::answer() {
  std::string head = until("\r\n\r\n");
  auto const field = head.find("Content-Length: ");
  if (field == std::string::npos) return head;
  std::size_t const length = std::stoul(head.substr(field + 16));
  while (buffer_.size() < length && fill()) {
  }
  std::string out = head + buffer_.substr(0, length);
  buffer_.erase(0, length);
  return out;
}

bool Wire::at_end() {
  if (!buffer_.empty()) return false;
  pollfd entry{fd_.get(), POLLIN, 0};
  if (::poll(&entry, 1, 10'000) <= 0) return false;
  char byte = 0;
  return ::recv(fd_.get(), &byte, 1, MSG_PEEK) <= 0;
}

std::string get(std::string_view target, std::string_view further_headers) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(further_headers) +
         "\r\n";
}

std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::stoi(std::string(answer.substr(9, 3)))
                                                               : 0;
}

std::string body_of(std::string_view answer) {
  auto const end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string() : std::string(answer.substr(end + 4));
}

}  // namespace b2b::control::test
