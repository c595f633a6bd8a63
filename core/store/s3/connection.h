// One connection to the store, over TCP or TLS, perhaps through a proxy: opened once, used for one exchange
// at a time. It owns its event loop; the calling thread runs it, in slices, watching for progress and for a
// requested stop. The only file here that includes Beast is connection.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/store/s3/bandwidth.h"
#include "core/store/s3/endpoint.h"
#include "core/store/s3/proxy.h"
#include "core/store/s3/request.h"
#include "core/store/s3/silence.h"
#include "core/store/s3/tls.h"
#include "core/util/byte_stream.h"

namespace b2b::s3 {

struct Answer {
  unsigned status = 0;
  std::vector<NameValue> headers;
  std::string body;  // unless it went to a sink
};

struct Exchange {
  std::string head;                  // request line and headers, with the empty line
  ByteSource const* body = nullptr;  // its size was announced as Content-Length
  bool answer_has_no_body = false;   // HEAD
  std::size_t max_answer_bytes = 0;  // for bodies that are collected
  // Called when the answer's head is there: the sink for its body, or nullptr to collect it in Answer::body.
  std::function<ByteSink*(Answer const&)> route;
};

struct Traffic {  // of one exchange: bytes of bodies
  std::uint64_t sent = 0;
  std::uint64_t received = 0;  // into a sink
};

struct ConnectionSettings {
  Endpoint endpoint;
  std::optional<Proxy> proxy;
  bool own_ca_file = false;  // for advice about certificates
  std::chrono::nanoseconds connect_timeout{};
  std::chrono::nanoseconds progress_timeout{};
  std::shared_ptr<Silence> silence;  // told of each sign of life; may be null
};

class Connection {
 public:
  // `tls` is null for plain connections. The references must outlive the connection.
  Connection(ConnectionSettings const& settings, TlsContext const* tls, Bandwidth& upload,
             Bandwidth& download, Clock& clock);
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;
  ~Connection();

  // Connects to one of these addresses (of the proxy, where there is one), in order, and shakes hands.
  Result<void> open(std::vector<std::string> const& addresses, std::stop_token const& stop);

  // Sends and receives. An answer that comes before the body is sent ends the sending. Errors of the sink and
  // the source come back as they are, not retryable; all others are unreachable, transit (the answer broke
  // off) or cancelled.
  Result<Answer> exchange(Exchange const& exchange, Traffic& traffic, std::stop_token const& stop);

  // After a failed exchange: nothing came back and nothing timed out, as on a connection that the other side
  // had closed.
  bool looks_stale() const;
  // After an exchange: may it be used again?
  bool reusable() const;
  // While idle: has the other side closed it, or said something unasked?
  bool broken_while_idle() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b::s3
