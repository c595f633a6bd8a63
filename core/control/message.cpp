#include "core/control/message.h"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/control/http_error.h"

namespace b2b::control {
namespace {

std::string const* find(Fields const& fields, std::string_view name) {
  auto const found = std::ranges::find(fields, name, &Fields::value_type::first);
  return found == fields.end() ? nullptr : &found->second;
}

void add_header(std::string& out, std::string_view name, std::string_view value) {
  // A line end would let a value become a header of its own, or a body.
  B2B_ASSERT(name.find_first_of("\r\n:") == std::string_view::npos);
  B2B_ASSERT(value.find_first_of("\r\n") == std::string_view::npos);
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::optional<std::string> Request::query_value(std::string_view name) const {
  if (auto const* value = find(query, name)) return *value;
  return std::nullopt;
}

std::string const& Request::parameter(std::string_view name) const {
  auto const* value = find(parameters, name);
  B2B_ASSERT(value != nullptr);
  return *value;
}

Result<boost::json::object> Request::json() const {
  if (body.empty()) return boost::json::object{};
  boost::system::error_code error;
  auto value = boost::json::parse(body, error);
  if (error) {
    return make_error(Condition::usage, "the body of the request is not JSON: " + error.message(),
                      "Send one JSON object, for example {}");
  }
  if (!value.is_object())
    return make_error(Condition::usage, "the body of the request is not a JSON object",
                      "Send one JSON object, for example {}");
  return std::move(value.as_object());
}

Response Response::ok(boost::json::object answer) {
  boost::json::object out;
  out["ok"] = true;
  for (auto& [key, value] : answer)
    out[key] = std::move(value);
  Response response;
  response.body = boost::json::serialize(out) + "\n";
  return response;
}

Response Response::failed(Error const& error) {
  return failed(http_status_of(error.condition), error);
}

Response Response::failed(int status, Error const& error) {
  Response response;
  response.status = status;
  response.body = boost::json::serialize(error_to_json(error)) + "\n";
  return response;
}

Response Response::text(std::string body, std::string content_type) {
  Response response;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  return response;
}

std::string_view status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

std::string encode(Response const& response, bool keep_alive, bool with_body) {
  B2B_ASSERT(response.status >= 200 && response.status <= 599);
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(status_text(response.status)).append("\r\n");
  if (!response.content_type.empty()) add_header(out, "Content-Type", response.content_type);
  if (response.status != 204) add_header(out, "Content-Length", std::to_string(response.body.size()));
  add_header(out, "Cache-Control", "no-store");
  for (auto const& [name, value] : response.headers)
    add_header(out, name, value);
  add_header(out, "Connection", keep_alive ? "keep-alive" : "close");
  out += "\r\n";
  if (with_body && response.status != 204) out += response.body;
  return out;
}

}  // namespace b2b::control
