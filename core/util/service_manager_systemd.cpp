#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util/encoding.h"
#include "core/util/error.h"
#include "core/util/log.h"
#include "core/util/service_manager.h"

namespace b2b {
namespace {

constexpr std::size_t status_bytes_max = 1024;

std::string take_variable(char const* name) {
  char const* const value = std::getenv(name);
  std::string out = value == nullptr ? "" : value;
  ::unsetenv(name);
  return out;
}

// A whole number above zero that fills the text.
std::optional<std::int64_t> positive_number(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

// The bytes of a sockaddr_un; empty when the name cannot be one.
std::string socket_address(std::string_view name) {
  sockaddr_un address{};
  bool const is_abstract = name.starts_with('@');
  // A path needs its final NUL; an abstract name is as long as it is.
  std::size_t const longest = sizeof address.sun_path - (is_abstract ? 0 : 1);
  if ((!is_abstract && !name.starts_with('/')) || name.size() < 2 || name.size() > longest) return {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (is_abstract) address.sun_path[0] = '\0';
  std::size_t const size = offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1);
  return {reinterpret_cast<char const*>(&address), size};
}

std::optional<std::chrono::microseconds> half_of(std::string const& usec, std::string const& pid,
                                                 int own_pid) {
  if (usec.empty()) return std::nullopt;
  if (!pid.empty() && positive_number(pid) != own_pid)
    return std::nullopt;  // meant for the process that started us
  auto const value = positive_number(usec);
  if (!value) {
    log_warning("the service manager's WATCHDOG_USEC '" + usec +
                "' is not a number of microseconds; it is ignored");
    return std::nullopt;
  }
  return std::chrono::microseconds(std::max<std::int64_t>(*value / 2, 1));
}

// At most so many bytes, and no character cut in two.
std::string_view cut(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return text;
  while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0) == 0x80)
    --longest;
  return text.substr(0, longest);
}

}  // namespace

ServiceEnvironment take_service_environment() {
  return {take_variable("NOTIFY_SOCKET"), take_variable("WATCHDOG_USEC"), take_variable("WATCHDOG_PID")};
}

ServiceManager::ServiceManager(ServiceEnvironment const& environment, int own_pid) {
  if (environment.notify_socket.empty()) return;
  address_ = socket_address(environment.notify_socket);
  if (address_.empty()) {
    log_warning("the service manager's NOTIFY_SOCKET '" + environment.notify_socket +
                "' is neither a path nor an abstract name that fits; it will not hear from us");
    return;
  }
  socket_ = UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) {
    log_warning(
        errno_error(errno, "make a socket for the service manager at", environment.notify_socket).text());
    return;
  }
  watchdog_interval_ = half_of(environment.watchdog_usec, environment.watchdog_pid, own_pid);
}

void ServiceManager::ready() {
  send(Kind::state, "READY=1\n");
}

void ServiceManager::status(std::string_view text) {
  std::string const line = printable(text);
  send(Kind::news, "STATUS=" + std::string(cut(line, status_bytes_max)) + "\n");
}

void ServiceManager::reloading(std::chrono::microseconds monotonic_now) {
  send(Kind::state, "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_now.count()) + "\n");
}

void ServiceManager::stopping() {
  send(Kind::state, "STOPPING=1\n");
}

void ServiceManager::watchdog() {
  send(Kind::news, "WATCHDOG=1\n");
}

void ServiceManager::extend_timeout(std::chrono::microseconds by) {
  send(Kind::news, "EXTEND_TIMEOUT_USEC=" + std::to_string(by.count()) + "\n");
}

void ServiceManager::send(Kind kind, std::string_view message) {
  if (!socket_) return;
  std::scoped_lock lock(mutex_);
  // One datagram for each: a manager that reads two states out of one takes the last only.
  auto const send_one = [this](std::string_view text) {
    sockaddr_un address{};
    std::memcpy(&address, address_.data(), address_.size());
    ssize_t sent = 0;
    do {
      sent = ::sendto(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                      reinterpret_cast<sockaddr const*>(&address), static_cast<socklen_t>(address_.size()));
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
  };
  if (!unsent_state_.empty() && send_one(unsent_state_)) unsent_state_.clear();
  // A later state takes the place of one that never went out.
  bool const sent = (unsent_state_.empty() || kind == Kind::state) && send_one(message);
  if (sent) {
    unsent_state_.clear();
    return;
  }
  int const reason = errno;
  if (kind == Kind::state) unsent_state_ = message;
  if (reason == EAGAIN || reason == ENOBUFS || warned_) return;
  warned_ = true;
  log_warning(errno_error(reason, "reach the service manager at its", "NOTIFY_SOCKET").text());
}

}  // namespace b2b
