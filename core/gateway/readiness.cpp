#include "core/gateway/readiness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

#include "core/util/fd.h"

namespace b2b {
namespace {

Error no_answer(std::uint16_t port) {
  return make_error(Condition::unreachable, "nothing answers on port " + std::to_string(port) + " of this machine");
}

bool wait_for(int fd, short events, std::chrono::milliseconds longest) {
  pollfd watched{fd, events, 0};
  int const ready = ::poll(&watched, 1, static_cast<int>(longest.count()));
  return ready == 1;
}

}  // namespace

Result<Health> ask_health(std::uint16_t port, std::chrono::milliseconds longest) {
  UniqueFd const fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "make a socket", "");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int connected = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  if (connected != 0 && errno != EINPROGRESS) return no_answer(port);
  int failed = 0;
  socklen_t size = sizeof failed;
  if (!wait_for(fd.get(), POLLOUT, longest) || ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0 || failed != 0)
    return no_answer(port);
  std::string const request = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\nConnection: close\r\n\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return no_answer(port);
  std::string answer;
  while (answer.size() < 12) {
    std::array<char, 64> piece{};
    if (!wait_for(fd.get(), POLLIN, longest)) return no_answer(port);
    ssize_t const got = ::recv(fd.get(), piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) break;
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
  return answer.empty() ? Result<Health>(Health::other) : health_from(answer);
}

}  // namespace b2b
