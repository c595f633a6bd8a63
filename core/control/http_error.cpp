#include "core/control/http_error.h"

#include <limits>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "core/control/message.h"
#include "core/util/encoding.h"

namespace b2b::control {
namespace {

std::string text_of(boost::json::object const& object, std::string_view key) {
  auto const* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return printable(std::string_view(value->get_string().data(), value->get_string().size()));
}

int number_of(boost::json::object const& object, std::string_view key) {
  auto const* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64()) return 0;
  auto const number = value->get_int64();
  return number >= 0 && number <= std::numeric_limits<int>::max() ? static_cast<int>(number) : 0;
}

void set_text(boost::json::object& object, std::string_view key, std::string const& value) {
  if (!value.empty()) object[key] = is_valid_utf8(value) ? value : printable(value);
}

}  // namespace

int http_status_of(Condition condition) {
  switch (condition) {
    case Condition::usage:
      return 400;
    case Condition::permission:
    case Condition::limit:
    case Condition::wrong_key:
      return 403;
    case Condition::not_found:
      return 404;
    case Condition::refused:
    case Condition::busy:
    case Condition::changed:
      return 409;
    case Condition::throttled:
      return 429;
    case Condition::bad_config:
    case Condition::corrupt:
    case Condition::io:
    case Condition::internal:
      return 500;
    case Condition::unsupported:
      return 501;
    case Condition::unreachable:
    case Condition::clock_skew:
    case Condition::transit:
      return 502;
    case Condition::cancelled:
      return 503;
    case Condition::no_space:
      return 507;
  }
  return 500;
}

boost::json::object error_to_json(Error const& error) {
  boost::json::object out;
  out["ok"] = false;
  out["code"] = condition_name(error.condition);
  std::string const line = error.text();
  out["error"] = is_valid_utf8(line) ? line : printable(line);
  if (error.message != line) set_text(out, "message", error.message);
  set_text(out, "advice", error.advice);
  set_text(out, "subject", error.subject);
  if (error.retryable) out["retryable"] = true;
  if (error.system_errno != 0) out["errno"] = error.system_errno;
  if (error.http_status != 0) out["httpStatus"] = error.http_status;
  set_text(out, "requestId", error.request_id);
  set_text(out, "remoteCode", error.remote_code);
  set_text(out, "remoteMessage", error.remote_message);
  return out;
}

Error error_from_answer(int http_status, std::string_view body) {
  boost::system::error_code problem;
  auto const value = boost::json::parse(body, problem);
  if (!problem && value.is_object()) {
    auto const& object = value.get_object();
    auto const condition = condition_from_name(text_of(object, "code"));
    std::string const line = text_of(object, "error");
    if (condition && !line.empty()) {
      Error error;
      error.condition = *condition;
      error.message = text_of(object, "message");
      if (error.message.empty()) {
        error.message = line;
      } else {
        error.advice = text_of(object, "advice");
        error.remote_code = text_of(object, "remoteCode");
        error.remote_message = text_of(object, "remoteMessage");
        error.request_id = text_of(object, "requestId");
      }
      error.subject = text_of(object, "subject");
      error.system_errno = number_of(object, "errno");
      error.http_status = number_of(object, "httpStatus");
      auto const* retryable = object.if_contains("retryable");
      error.retryable = retryable != nullptr && retryable->is_bool() && retryable->get_bool();
      return error;
    }
  }
  return make_error(http_status >= 500 ? Condition::internal : Condition::usage,
                    "the daemon answered with HTTP status " + std::to_string(http_status) + " (" +
                        std::string(status_text(http_status)) + ") and no explanation",
                    "Make sure that daemonctl and the daemon are of the same version");
}

}  // namespace b2b::control
