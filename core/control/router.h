// Which handler answers which request. Patterns are paths of exact segments and "{name}" segments: a "{name}"
// takes any one segment that is not empty. Exact segments win over names, from left to right. No I/O; routes
// are added before the first request, by one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/control/message.h"
#include "core/control/responder.h"

namespace b2b::control {

class EventHub;

// Called on the server's thread, so it must not block: what takes long moves the responder to another thread.
// The request is there for the call only; copy what is needed longer.
using Handler = std::function<void(Request const& request, Responder responder)>;

class Router {
 public:
  // Asserts on a pattern without leading '/', and on the same method and pattern twice. A route for GET
  // answers HEAD too.
  void add(std::string method, std::string_view pattern, Handler handler);
  void add_events(std::string_view pattern, EventHub& hub);

  // What is to be done for a request: call the handler, stream the hub's events, or send that answer (400,
  // 404, 405).
  using Decision = std::variant<Handler const*, EventHub*, Response>;
  Decision route(Request& request) const;  // fills in request.parameters

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;  // of the pattern
    Handler handler;
    EventHub* events = nullptr;
  };
  void add_route(Route route);

  std::vector<std::unique_ptr<Route const>> routes_;  // sorted: exact segments before names
};

}  // namespace b2b::control
