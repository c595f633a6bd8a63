// The control API's server: HTTP/1.1 over a Unix socket, on the caller's event loop. It knows no route of its
// own and starts no thread; with no connection open it has no timer running.
//
// All functions are called on the thread that runs the io_context (one thread), or while nobody runs it.
// Handlers run there too; the io_context outlives the server; responders and an EventHub may be used from any
// thread, even after the server is gone.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/control/limits.h"
#include "core/control/peer.h"
#include "core/control/router.h"
#include "core/control/socket_place.h"

namespace boost::asio {
class io_context;
}

namespace b2b::control {

class ServerCore;

class Server {
 public:
  // `peer` tells who is connected (tests put another one in); only this process's user and root are let in.
  explicit Server(boost::asio::io_context& context, Limits const& limits = {}, PeerUser peer = peer_user);
  ~Server();  // ends what is open at once
  Server(Server const&) = delete;
  Server& operator=(Server const&) = delete;

  // Before listen(). Router has the rules for patterns. The hub must outlive the server.
  void route(std::string method, std::string_view pattern, Handler handler);
  void route_events(std::string_view pattern, EventHub& hub);

  // Once. The errors of SocketFile::listen.
  Result<void> listen(SocketPlace const& place);
  std::string const& socket_path() const;  // where it listens: place.path, or the path in the endpoint file

  // Takes no more connections, removes the socket, ends idle connections and event streams, and lets answers
  // under way finish for a moment (Limits::stop_timeout). `stopped` is called when the last connection is
  // closed. Once.
  void stop(std::function<void()> stopped);

  std::size_t connections() const;

 private:
  std::shared_ptr<ServerCore> core_;
};

}  // namespace b2b::control
