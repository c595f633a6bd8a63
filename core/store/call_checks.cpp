#include "core/store/call_checks.h"

#include "core/store/store.h"
#include "core/util/encoding.h"

namespace b2b {

Result<void> check_key(std::string_view doing, std::string_view key) {
  std::string const problem = key_problem(key);
  if (problem.empty()) return {};
  return make_error(
      Condition::usage,
      "cannot " + std::string(doing) + " \"" + printable(key) + "\": not a valid key, " + problem, {},
      std::string(key));
}

Result<void> check_stop(std::stop_token const& stop, std::string_view doing, std::string_view subject) {
  if (!stop.stop_requested()) return {};
  std::string message = "stopped while asked to " + std::string(doing);
  if (!subject.empty()) message += " " + printable(subject);
  return make_error(Condition::cancelled, std::move(message), {}, std::string(subject));
}

Error no_such_object(std::string_view store_name, std::string_view key) {
  return make_error(Condition::not_found, "no object " + printable(key) + " in " + std::string(store_name),
                    {}, std::string(key));
}

Error body_changed(std::string_view key, std::uint64_t announced, std::uint64_t found) {
  Error error = make_error(Condition::changed,
                           "the body of " + printable(key) + " changed while it was stored: " +
                               std::to_string(announced) + " bytes were announced, " +
                               (found > announced ? "more than that" : std::to_string(found)) + " came",
                           "Try again", std::string(key));
  error.retryable = true;
  return error;
}

Error copy_source_changed(std::string_view key, std::uint64_t expected, std::uint64_t found) {
  return make_error(Condition::changed,
                    "cannot copy " + printable(key) + ": it has " + std::to_string(found) +
                        " bytes, not the expected " + std::to_string(expected),
                    {}, std::string(key));
}

}  // namespace b2b
