// Bytes of a connection in, requests out: HTTP/1.1 without a socket, so that any bytes in any pieces can be
// tried. Holds at most one request of the largest size, and what was fed in one piece behind it.
#pragma once

#include <memory>
#include <string_view>

#include "core/control/limits.h"
#include "core/control/message.h"

namespace b2b::control {

class RequestReader {
 public:
  enum class State {
    idle,     // between requests: nothing of the next one is there
    partial,  // a request has begun
    ready,    // take() it
    failed,   // the bytes are no request that we take: send problem() and close, for nobody knows where the
              // next one starts
  };

  explicit RequestReader(Limits const& limits);
  ~RequestReader();
  RequestReader(RequestReader const&) = delete;
  RequestReader& operator=(RequestReader const&) = delete;

  State state() const;
  State feed(std::string_view bytes);  // not when failed

  struct Taken {
    Request request;
    bool keep_alive = false;
  };
  Taken take();  // only when ready; goes on with the bytes behind it

  Response const& problem() const;  // only when failed

  // The client waits for "100 Continue" before it sends the body; true once per request.
  bool take_wants_continue();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace b2b::control
