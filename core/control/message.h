// A request and a response of the control API, as handlers see them: no sockets, no HTTP library.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "core/util/error.h"

namespace b2b::control {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // upper case as sent: "GET"
  std::string path;    // as sent, still percent-encoded, without the query
  Fields query;        // decoded; '+' stays '+'; in the order of the request
  Fields parameters;   // values of the route's {name} segments, decoded; filled in by the router
  std::string body;    // at most the server's bound
  std::string last_event_id;

  // The first one of that name.
  std::optional<std::string> query_value(std::string_view name) const;
  std::string const& parameter(std::string_view name) const;  // the route must have it

  // The body as a JSON object; an empty body is an empty object. Condition::usage for anything else.
  Result<boost::json::object> json() const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Fields headers;  // further ones; names and values are ours, without line ends

  // 200 with `answer`, to which "ok":true is added in front.
  static Response ok(boost::json::object answer = {});
  // The error as JSON, with the status that goes with its condition (http_error.h).
  static Response failed(Error const& error);
  static Response failed(int status, Error const& error);
  static Response text(std::string body, std::string content_type = "text/plain; charset=utf-8");
};

std::string_view status_text(int status);

// Head and body as they go over the wire. `with_body` is false for the answer to HEAD: the same length is
// named.
std::string encode(Response const& response, bool keep_alive, bool with_body);

}  // namespace b2b::control
