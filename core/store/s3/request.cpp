#include "core/store/s3/request.h"

#include <algorithm>

#include "core/util/encoding.h"
#include "core/util/error.h"

namespace b2b::s3 {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string query_string(Request const& request) {
  std::vector<NameValue> encoded;
  encoded.reserve(request.query.size());
  for (auto const& [name, value] : request.query)
    encoded.emplace_back(uri_encode(name, false), uri_encode(value, false));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (auto const& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string request_target(Request const& request) {
  std::string out = uri_encode(request.path, true);
  if (!request.query.empty()) {
    out += '?';
    out += query_string(request);
  }
  return out;
}

std::optional<std::string_view> find_header(std::vector<NameValue> const& headers, std::string_view name) {
  std::string const wanted = lower_case(name);
  for (auto const& [key, value] : headers)
    if (key.size() == wanted.size() && lower_case(key) == wanted) return value;
  return std::nullopt;
}

std::string wire_head(Request const& request, std::vector<NameValue> const& unsigned_headers) {
  std::string out = request.method + " " + request_target(request) + " HTTP/1.1\r\n";
  auto add = [&out](NameValue const& header) {
    B2B_ASSERT(header.first.find_first_of("\r\n: ") == std::string::npos);
    B2B_ASSERT(header.second.find_first_of("\r\n") == std::string::npos);
    out += header.first;
    out += ": ";
    out += header.second;
    out += "\r\n";
  };
  for (auto const& header : request.headers)
    add(header);
  for (auto const& header : unsigned_headers)
    add(header);
  out += "\r\n";
  return out;
}

}  // namespace b2b::s3
