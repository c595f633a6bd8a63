// The inside of Server, shared with its sessions. Includes Asio: for the server's own files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/control/gate.h"
#include "core/control/server.h"
#include "core/control/socket_file.h"

namespace b2b::control {

class Session;

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  ServerCore(boost::asio::io_context& context, Limits const& limits, PeerUser peer);

  Result<void> listen(SocketPlace const& place);
  void stop(std::function<void()> stopped);
  void end();  // at once; nothing of the caller's is touched after it

  // For sessions.
  Limits const& limits() const { return limits_; }
  Router& router() { return router_; }
  std::shared_ptr<Gate> const& gate() const { return gate_; }
  bool stopping() const { return stopping_; }
  bool may_stream() const;
  void closed(std::shared_ptr<Session> const& session);

  std::size_t connections() const { return sessions_.size(); }
  std::string const& socket_path() const { return path_; }

 private:
  void accept();
  void accepted(Socket socket);
  bool admit(Socket const& socket, std::optional<Response>& refusal);
  bool make_room();
  void close_all();
  void report_stopped();

  boost::asio::io_context& context_;
  Limits const limits_;
  PeerUser const peer_;
  Router router_;
  std::shared_ptr<Gate> gate_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer timer_;  // runs while accepting is impossible, and while stopping
  std::optional<SocketFile> file_;
  std::string path_;
  std::set<std::shared_ptr<Session>> sessions_;
  std::set<std::shared_ptr<Session>> refused_;  // being told so
  bool stopping_ = false;
  std::function<void()> stopped_;
};

}  // namespace b2b::control
