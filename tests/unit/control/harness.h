// A server of the control API on a thread of its own, and a bare socket to talk to it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/control/event_hub.h"
#include "core/control/server.h"
#include "core/util/fd.h"
#include "tests/support/scratch.h"

namespace b2b::control::test {

class TestServer {
 public:
  explicit TestServer(Limits const& limits = {}, PeerUser peer = peer_user);
  ~TestServer();  // destroys the server on its thread, then ends the thread

  Server& server();
  void start();                                // after the routes are there
  void on_thread(std::function<void()> work);  // runs it there and waits
  std::size_t connections();
  bool wait_for_connections(std::size_t count);                 // false after 10 s
  std::size_t wake_ups_within(std::chrono::milliseconds time);  // of the event loop, left alone
  void destroy_server();                                        // the thread runs on
  void end();                                                   // all of it
  std::string directory() const { return scratch_ / "b2backupd"; }
  std::string path() const { return directory() + "/daemon.sock"; }

 private:
  struct Loop;
  b2b::test::Scratch scratch_;
  std::unique_ptr<Loop> loop_;
};

// One connection. Nothing waits for longer than 10 s.
class Wire {
 public:
  explicit Wire(std::string const& path);
  bool connected() const { return static_cast<bool>(fd_); }
  bool send(std::string_view bytes);  // false when the other side has closed
  void half_close();
  void close() { fd_.reset(); }
  std::string until(
      std::string_view mark);  // what comes, up to and with `mark`; less at the end or after 10 s
  std::string to_end();
  std::string answer();  // one whole answer with a Content-Length
  bool at_end();         // the other side has closed, and nothing is left to read
  bool readable_within(std::chrono::milliseconds time) const;

 private:
  bool fill();
  UniqueFd fd_;
  std::string buffer_;
};

std::string get(std::string_view target, std::string_view further_headers = {});
std::string post(std::string_view target, std::string_view body);
int status_of(std::string_view answer);
std::string body_of(std::string_view answer);

}  // namespace b2b::control::test
