// An HTTP request as data, before it is signed and sent: method, decoded path, decoded query, headers, and
// what happens to them on the wire. Pure; nothing here knows sockets or clocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace b2b::s3 {

using NameValue = std::pair<std::string, std::string>;

struct Request {
  std::string method = "GET";
  std::string path = "/";          // decoded bytes: "/bucket/a key"
  std::vector<NameValue> query;    // decoded, any order
  std::vector<NameValue> headers;  // all of them are signed; names in any case, no CR or LF in values
};

// The query as it is both signed and sent: each name and value percent-encoded, sorted by encoded name, then
// value.
std::string query_string(Request const& request);

// The request target: encoded path, then "?" and the query where there is one.
std::string request_target(Request const& request);

// The first header of that name (case-insensitive), or nothing.
std::optional<std::string_view> find_header(std::vector<NameValue> const& headers, std::string_view name);

// Head of the message as bytes, the empty line included. `unsigned_headers` (Content-Length, User-Agent, …)
// come last.
std::string wire_head(Request const& request, std::vector<NameValue> const& unsigned_headers);

std::string lower_case(std::string_view text);  // ASCII only

}  // namespace b2b::s3
