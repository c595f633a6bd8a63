#include "core/util/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace b2b {

std::string_view condition_name(Condition condition) {
  switch (condition) {
    case Condition::usage: return "usage";
    case Condition::bad_config: return "bad-config";
    case Condition::not_found: return "not-found";
    case Condition::permission: return "permission";
    case Condition::refused: return "refused";
    case Condition::unreachable: return "unreachable";
    case Condition::throttled: return "throttled";
    case Condition::limit: return "limit";
    case Condition::clock_skew: return "clock-skew";
    case Condition::transit: return "transit";
    case Condition::wrong_key: return "wrong-key";
    case Condition::corrupt: return "corrupt";
    case Condition::no_space: return "no-space";
    case Condition::busy: return "busy";
    case Condition::changed: return "changed";
    case Condition::cancelled: return "cancelled";
    case Condition::unsupported: return "unsupported";
    case Condition::io: return "io";
    case Condition::internal: return "internal";
  }
  return "internal";
}

std::optional<Condition> condition_from_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Condition::internal); ++i) {
    auto const condition = static_cast<Condition>(i);
    if (condition_name(condition) == name) return condition;
  }
  return std::nullopt;
}

int exit_code_of(Condition condition) {
  switch (condition) {
    case Condition::usage: return 64;
    case Condition::bad_config: return 65;
    case Condition::unreachable:
    case Condition::throttled:
    case Condition::clock_skew: return 69;
    case Condition::permission:
    case Condition::refused:
    case Condition::limit:
    case Condition::wrong_key: return 77;
    case Condition::cancelled: return 130;
    case Condition::not_found:
    case Condition::transit:
    case Condition::corrupt:
    case Condition::no_space:
    case Condition::busy:
    case Condition::changed:
    case Condition::unsupported:
    case Condition::io:
    case Condition::internal: return 1;
  }
  return 1;
}

std::string Error::text() const {
  std::string out = message;
  if (!remote_code.empty() || !remote_message.empty()) {
    out += " (the store says: " + remote_code;
    if (!remote_code.empty() && !remote_message.empty()) out += ", ";
    out += remote_message;
    if (!request_id.empty()) out += ", request " + request_id;
    out += ")";
  }
  if (!advice.empty()) out += ". " + advice;
  return out;
}

void throw_exception_from_error(Error const& error, boost::source_location const&) {
  throw std::runtime_error(error.text());
}

Error errno_error(int saved_errno, std::string_view doing, std::string_view subject) {
  Error error;
  switch (saved_errno) {
    case ENOENT:
    case ENOTDIR: error.condition = Condition::not_found; break;
    case EACCES:
    case EPERM:
    case EROFS: error.condition = Condition::permission; break;
    case ENOSPC:
    case EDQUOT:
      error.condition = Condition::no_space;
      error.advice = "Free some space on that disk and try again";
      break;
    default: error.condition = Condition::io; break;
  }
  error.system_errno = saved_errno;
  error.subject = subject;
  error.message = "cannot " + std::string(doing) + " " + std::string(subject) + ": " +
                  std::generic_category().message(saved_errno);
  return error;
}

Error make_error(Condition condition, std::string message, std::string advice, std::string subject) {
  Error error;
  error.condition = condition;
  error.message = std::move(message);
  error.advice = std::move(advice);
  error.subject = std::move(subject);
  return error;
}

void assertion_failed(char const* expression, char const* file, int line) {
  std::fprintf(stderr, "b2backupd: internal error: %s does not hold at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace b2b
