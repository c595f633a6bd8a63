#include "core/control/server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/control/server_core.h"
#include "core/control/session.h"
#include "core/util/log.h"

namespace b2b::control {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

Response refusal_of(int status, Condition condition, std::string message, std::string advice) {
  return Response::failed(status, make_error(condition, std::move(message), std::move(advice)));
}

}  // namespace

ServerCore::ServerCore(asio::io_context& context, Limits const& limits, PeerUser peer)
    : context_(context),
      limits_(limits),
      peer_(std::move(peer)),
      gate_(std::make_shared<Gate>(context)),
      acceptor_(context),
      timer_(context) {}

Result<void> ServerCore::listen(SocketPlace const& place) {
  B2B_ASSERT(!file_ && !stopping_);
  B2B_ASSIGN(auto file, SocketFile::listen(place));
  file_.emplace(std::move(file));
  path_ = file_->path();
  error_code error;
  auto descriptor = file_->take_descriptor();
  acceptor_.assign(asio::local::stream_protocol(), descriptor.get(), error);
  if (error) return errno_error(error.value(), "listen on", path_);
  (void)descriptor.release();
  accept();
  return {};
}

void ServerCore::accept() {
  acceptor_.async_accept([self = shared_from_this()](error_code error, Socket socket) {
    if (self->stopping_ || error == asio::error::operation_aborted) return;
    if (!error) {
      self->accepted(std::move(socket));
      self->accept();
      return;
    }
    if (error == asio::error::connection_aborted) return self->accept();
    // Mostly: no descriptors left in this process. Trying at once again would only heat the machine.
    log_warning("cannot take a connection on the control socket: " + error.message());
    self->timer_.expires_after(std::chrono::seconds(1));
    self->timer_.async_wait([self](error_code cancelled) {
      if (!cancelled && !self->stopping_) self->accept();
    });
  });
}

void ServerCore::accepted(Socket socket) {
  error_code error;
  socket.non_blocking(true, error);
  if (error) return;
  std::optional<Response> refusal;
  if (admit(socket, refusal)) {
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket));
    sessions_.insert(session);
    session->start();
  } else if (refused_.size() < limits_.refused_max) {
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket));
    refused_.insert(session);
    session->refuse(*refusal);
  }
}

bool ServerCore::admit(Socket const& socket, std::optional<Response>& refusal) {
  // native_handle() only reads, and is not const in this Asio.
  auto const user = peer_(const_cast<Socket&>(socket).native_handle());
  if (!user) {
    log_warning("a connection to the control socket is refused: " + user.error().text());
    refusal = refusal_of(403, Condition::permission, "the daemon cannot tell who you are", "");
    return false;
  }
  if (!is_us_or_root(*user)) {
    log_warning("user " + std::to_string(*user) + " tried to use the control socket, and is refused");
    refusal = refusal_of(403, Condition::permission, "this daemon works for another user",
                         "Run this as the owner of the state directory, or as root");
    return false;
  }
  if (sessions_.size() >= limits_.connections_max && !make_room()) {
    refusal = refusal_of(503, Condition::busy, "the daemon has as many connections as it takes",
                         "Try again in a moment; each `daemonctl events` and each waiting job holds one");
    return false;
  }
  return true;
}

// Whoever has sent no whole request gives way to the newcomer, those that were quiet for longest first, so
// that slow or forgotten clients cannot keep others out.
bool ServerCore::make_room() {
  std::shared_ptr<Session> quietest;
  for (auto const& session : sessions_) {
    if (!session->gives_way()) continue;
    if (!quietest || session->quiet_rank() < quietest->quiet_rank()) quietest = session;
  }
  if (!quietest) return false;
  quietest->give_way();
  return true;
}

bool ServerCore::may_stream() const {
  auto const streams =
      std::ranges::count_if(sessions_, [](auto const& session) { return session->is_stream(); });
  return static_cast<std::size_t>(streams) < limits_.event_streams_max;
}

void ServerCore::closed(std::shared_ptr<Session> const& session) {
  sessions_.erase(session);
  refused_.erase(session);
  if (stopping_) report_stopped();
}

void ServerCore::stop(std::function<void()> stopped) {
  B2B_ASSERT(!stopping_);
  stopping_ = true;
  stopped_ = std::move(stopped);
  error_code ignored;
  acceptor_.close(ignored);
  file_.reset();
  auto const open = sessions_;  // closing changes the set
  for (auto const& session : open)
    session->finish();
  timer_.expires_after(limits_.stop_timeout);
  timer_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled) self->close_all();
  });
  report_stopped();
}

void ServerCore::report_stopped() {
  if (!sessions_.empty() || !refused_.empty()) return;
  timer_.cancel();
  if (auto const stopped = std::exchange(stopped_, nullptr)) asio::post(context_, stopped);
}

void ServerCore::close_all() {
  for (auto* const set : {&sessions_, &refused_}) {
    auto const open = *set;
    for (auto const& session : open)
      session->close();
  }
}

void ServerCore::end() {
  gate_->close();
  stopped_ = nullptr;
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
  file_.reset();
  close_all();
}

Server::Server(asio::io_context& context, Limits const& limits, PeerUser peer)
    : core_(std::make_shared<ServerCore>(context, limits, std::move(peer))) {}

Server::~Server() {
  core_->end();
}

void Server::route(std::string method, std::string_view pattern, Handler handler) {
  core_->router().add(std::move(method), pattern, std::move(handler));
}

void Server::route_events(std::string_view pattern, EventHub& hub) {
  core_->router().add_events(pattern, hub);
}

Result<void> Server::listen(SocketPlace const& place) {
  return core_->listen(place);
}

std::string const& Server::socket_path() const {
  return core_->socket_path();
}

void Server::stop(std::function<void()> stopped) {
  core_->stop(std::move(stopped));
}

std::size_t Server::connections() const {
  return core_->connections();
}

}  // namespace b2b::control
