#include "core/control/client_connection.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/control/peer.h"
#include "core/control/socket_place.h"
#include "core/util/file.h"

namespace b2b::control {
namespace {

constexpr std::chrono::milliseconds crowd_wait{20};  // before trying again when the daemon's queue is full

Error not_running(std::string const& why) {
  auto error =
      make_error(Condition::unreachable, "the daemon is not running (" + why + ")",
                 "Start it, for example with `systemctl --user start b2backupd`, or do the job without it: "
                 "daemonctl --direct");
  error.retryable = true;
  return error;
}

Error no_progress() {
  auto error = make_error(Condition::unreachable, "the daemon does not answer",
                          "It may be stuck: look into its log, and restart it if need be");
  error.retryable = true;
  return error;
}

Error cancelled() {
  return make_error(Condition::cancelled, "stopped while waiting for the daemon");
}

Result<void> check_owner(unsigned owner, ClientSettings const& settings, std::string const& what) {
  if (is_us_or_root(owner) || owner == settings.also_trusted_user) return {};
  return make_error(Condition::permission,
                    what + " belongs to user " + std::to_string(owner) + ", not to you",
                    "Nothing was sent. Run this as the owner of the state directory", what);
}

// The socket to connect to: the path itself, or the one that the endpoint file names.
Result<std::string> find_socket(ClientSettings const& settings) {
  std::string path = settings.socket_path;
  if (!fits_socket_address(path) || !path_exists(path)) {
    auto named = read_endpoint(path, settings.also_trusted_user.value_or(::geteuid()));
    if (!named) {
      if (named.error().condition == Condition::not_found)
        return not_running("there is no socket at " + path);
      return named.error();
    }
    path = std::move(*named);
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return not_running("there is no socket at " + path);
    return errno_error(errno, "examine", path);
  }
  if (!S_ISSOCK(status.st_mode))
    return make_error(Condition::permission, path + " is not a socket", "Check the path that was given",
                      path);
  B2B_TRY(check_owner(status.st_uid, settings, path));
  return path;
}

}  // namespace

Result<std::unique_ptr<ClientConnection>> ClientConnection::open(ClientSettings const& settings,
                                                                 std::stop_token const& stop) {
  std::unique_ptr<ClientConnection> connection(new ClientConnection(stop));
  B2B_TRY(connection->prepare());
  B2B_ASSIGN(auto const path, find_socket(settings));
  B2B_TRY(connection->connect(path, settings.connect_timeout));
  // The file may have been exchanged since it was looked at: whoever listens counts.
  B2B_ASSIGN(unsigned const user, peer_user(connection->socket_.get()));
  B2B_TRY(check_owner(user, settings, "the program that listens on " + path));
  return connection;
}

Result<void> ClientConnection::prepare() {
  if (stop_.stop_requested()) return cancelled();
  if (!stop_.stop_possible()) return {};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno_error(errno, "create", "a pipe");
  stop_read_ = UniqueFd(ends[0]);
  stop_write_ = UniqueFd(ends[1]);
  on_stop_.emplace(stop_, [fd = ends[1]] {
    char const byte = 0;
    [[maybe_unused]] auto const written = ::write(fd, &byte, 1);  // into an empty pipe: cannot fail
  });
  return {};
}

Result<void> ClientConnection::connect(std::string const& path, std::chrono::milliseconds timeout) {
  socket_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return errno_error(errno, "create", "a socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  auto const* plain = static_cast<sockaddr const*>(static_cast<void const*>(&address));
  for (auto left = timeout;; left -= crowd_wait) {
    if (::connect(socket_.get(), plain, sizeof(address)) == 0) return {};
    if (errno == ECONNREFUSED || errno == ENOENT)
      return not_running("nobody listens on its socket " + path + ", which is left over");
    if (errno != EAGAIN && errno != EINTR) return errno_error(errno, "connect to", path);
    if (left <= std::chrono::milliseconds::zero()) return no_progress();
    B2B_TRY(wait(0, crowd_wait));
  }
}

Result<bool> ClientConnection::wait(short events, std::chrono::milliseconds timeout) {
  // Without an event to wait for, the socket is left out: an unconnected one reports a hang-up at once.
  pollfd entries[2] = {{events != 0 ? socket_.get() : -1, events, 0},
                       {stop_read_ ? stop_read_.get() : -1, POLLIN, 0}};
  for (;;) {
    int const ready = ::poll(entries, 2, timeout.count() == 0 ? -1 : static_cast<int>(timeout.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno_error(errno, "wait for", "the daemon");
    if (stop_.stop_requested()) return cancelled();
    return ready > 0;
  }
}

Result<void> ClientConnection::send(std::string_view bytes, std::chrono::milliseconds progress_timeout) {
  while (!bytes.empty()) {
    ssize_t const sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) return {};
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno_error(errno, "send to", "the daemon");
    B2B_ASSIGN(bool const ready, wait(POLLOUT, progress_timeout));
    if (!ready) return no_progress();
  }
  return {};
}

Result<std::size_t> ClientConnection::receive(std::span<char> buffer,
                                              std::chrono::milliseconds progress_timeout) {
  for (;;) {
    if (stop_.stop_requested()) return cancelled();
    ssize_t const got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == ECONNRESET) return std::size_t{0};
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno_error(errno, "receive from", "the daemon");
    B2B_ASSIGN(bool const ready, wait(POLLIN, progress_timeout));
    if (!ready) return no_progress();
  }
}

}  // namespace b2b::control
