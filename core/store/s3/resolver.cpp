#include "core/store/s3/resolver.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include "core/store/s3/endpoint.h"
#include "core/store/s3/errors.h"
#include "core/store/s3/retry.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

constexpr std::chrono::seconds keep_for{30};

}  // namespace

Resolver::~Resolver() {
  if (worker_.joinable()) worker_.join();
}

void Resolver::look_up() {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  int code = getaddrinfo(host_.c_str(), nullptr, &hints, &list);
  std::vector<std::string> found;
  for (addrinfo const* at = list; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    std::string address(text.data());
    if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(std::move(address));
  }
  if (list != nullptr) freeaddrinfo(list);
  if (code == 0 && found.empty()) code = EAI_NONAME;
  std::scoped_lock lock(mutex_);
  failure_ = code;
  found_ = std::move(found);
  found_at_ = clock_.monotonic();
  running_ = false;
  finished_.notify_all();
}

Result<std::vector<std::string>> Resolver::addresses(std::chrono::nanoseconds timeout,
                                                     std::stop_token const& stop) {
  if (is_ip_address(host_)) return std::vector<std::string>{host_};
  std::unique_lock lock(mutex_);
  if (!running_) {
    if (!found_.empty() && clock_.monotonic() - found_at_ < keep_for) return found_;
    if (worker_.joinable()) worker_.join();  // it has nothing left to do
    running_ = true;
    worker_ = std::thread([this] { look_up(); });
  }
  finished_.wait_for(lock, stop, timeout, [this] { return !running_; });
  if (stop.stop_requested()) return cancelled_error("the connection to " + host_);
  if (running_)
    return unreachable("looking up the address of " + printable(host_) + " takes too long",
                       "Check the network and its DNS server.");
  if (failure_ != 0) {
    Error error =
        unreachable("cannot look up the address of " + printable(host_) + ": " + gai_strerror(failure_),
                    "Check the endpoint's name and the network.");
    error.retryable = failure_ != EAI_NONAME;
    return error;
  }
  return found_;
}

}  // namespace b2b::s3
