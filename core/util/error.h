// The one error and result type of the project.
//
// An Error is a value: a condition that callers act on, and text for the person who reads it. Decisions are made on
// `condition` (and the helpers below), never on text; what the other side of a connection said is kept apart in
// `remote_code` and `remote_message`. Programming errors are asserted (B2B_ASSERT), in release builds too.
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace b2b {

enum class Condition {
  usage,        // the command line or an API call is wrong                                   exit 64
  bad_config,   // configuration is malformed, incomplete or contradicts itself               exit 65
  not_found,    // the named object, file or snapshot does not exist                          exit 1
  permission,   // the operating system or the store refuses access                           exit 77
  refused,      // we refuse, for the data's sake: gateway running, no --yes, foreign prefix   exit 77
  unreachable,  // no connection, no progress, or the store says "later" for longer than we retry  exit 69
  throttled,    // the store asks to slow down; retried inside the store layer                exit 69
  limit,        // a cap or quota that only the account's owner can lift                      exit 77
  clock_skew,   // the store rejects our clock; retried once with its own                     exit 69
  transit,      // bytes changed on the way (length or MD5 differ); worth another download    exit 1
  wrong_key,    // nothing decrypts or verifies with the keys at hand                         exit 77
  corrupt,      // the stored or local data is damaged or was tampered with                   exit 1
  no_space,     // a disk is full, or would be                                                exit 1
  busy,         // another job holds the lock                                                 exit 1
  changed,      // something that must hold still changed under us; try again                 exit 1
  cancelled,    // a stop was requested                                                       exit 130
  unsupported,  // this build, store or format version cannot do that                         exit 1
  io,           // any other failure of the operating system                                  exit 1
  internal,     // a bug in this program                                                      exit 1
};

// The condition as a stable lower-case word with hyphens, the "code" of --json answers ("bad-config").
std::string_view condition_name(Condition condition);
// Its inverse; nullopt for any other text.
std::optional<Condition> condition_from_name(std::string_view name);

struct [[nodiscard]] Error {
  Condition condition = Condition::internal;
  std::string message;         // what went wrong, and where: a sentence without a full stop, in the reader's words
  std::string advice;          // what to do about it; may be empty
  std::string subject;         // path, key or configuration key it is about; may be empty
  int system_errno = 0;        // errno, or 0
  int http_status = 0;         // status of the answer, or 0
  std::string request_id;      // the store's id of the request, for its support
  std::string remote_code;     // error code the store sent ("NoSuchKey")
  std::string remote_message;  // error text the store sent
  bool retryable = false;      // the same call may succeed later

  // One line: message, then what the store said, then the advice.
  std::string text() const;
};

template <class T>
using Result = boost::system::result<T, Error>;

// Required by boost::system::result for .value() on an error; throws std::runtime_error with the text.
[[noreturn]] void throw_exception_from_error(Error const& error, boost::source_location const& location);

// An Error for errno after a failed system call: picks the condition, appends the system's message.
// `doing` says what was tried ("open", "create the staging directory"), `subject` the path.
Error errno_error(int saved_errno, std::string_view doing, std::string_view subject);

// Shorthand for the common case.
Error make_error(Condition condition, std::string message, std::string advice = {}, std::string subject = {});

// Exit code of the command-line contract for an error that ended a job.
int exit_code_of(Condition condition);

[[noreturn]] void assertion_failed(char const* expression, char const* file, int line);

}  // namespace b2b

// Checked in every build: a violated invariant must stop the program before it writes anything wrong.
#define B2B_ASSERT(expression) \
  (static_cast<bool>(expression) ? static_cast<void>(0) : ::b2b::assertion_failed(#expression, __FILE__, __LINE__))

#define B2B_CONCAT_(a, b) a##b
#define B2B_CONCAT(a, b) B2B_CONCAT_(a, b)

// B2B_TRY(expression): returns its error from the enclosing function, else goes on.
#define B2B_TRY(...) B2B_TRY_(B2B_CONCAT(b2b_try_, __LINE__), __VA_ARGS__)
#define B2B_TRY_(name, ...) \
  do {                      \
    auto name = (__VA_ARGS__);                          \
    if (!name) return std::move(name).error();          \
  } while (false)

// B2B_ASSIGN(declaration, expression): returns the error, else initialises or assigns from the value.
#define B2B_ASSIGN(declaration, ...) B2B_ASSIGN_(B2B_CONCAT(b2b_result_, __LINE__), declaration, __VA_ARGS__)
#define B2B_ASSIGN_(name, declaration, ...)  \
  auto name = (__VA_ARGS__);                 \
  if (!name) return std::move(name).error(); \
  declaration = std::move(*name)
