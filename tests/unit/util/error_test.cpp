#include "core/util/error.h"

#include <cerrno>
#include <set>
#include <stdexcept>
#include <vector>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

std::vector<std::pair<Condition, int>> const all_conditions{
    {Condition::usage, 64},       {Condition::bad_config, 65},  {Condition::not_found, 1},   {Condition::permission, 77},
    {Condition::refused, 77},     {Condition::unreachable, 69}, {Condition::throttled, 69},  {Condition::limit, 77},
    {Condition::clock_skew, 69},  {Condition::transit, 1},      {Condition::wrong_key, 77},  {Condition::corrupt, 1},
    {Condition::no_space, 1},     {Condition::busy, 1},         {Condition::changed, 1},     {Condition::cancelled, 130},
    {Condition::unsupported, 1},  {Condition::io, 1},           {Condition::internal, 1},
};

Result<int> half(int n) {
  if (n % 2 != 0) return make_error(Condition::usage, "odd");
  return n / 2;
}

Result<void> must_be_even(int n) {
  B2B_TRY(half(n));
  return {};
}

Result<int> quarter(int n) {
  B2B_ASSIGN(int const once, half(n));
  int twice = 0;
  B2B_ASSIGN(twice, half(once));
  return twice;
}

}  // namespace

TEST_CASE("every condition has its own name and the exit code of the contract") {
  std::set<std::string_view> names;
  for (auto const& [condition, code] : all_conditions) {
    INFO(condition_name(condition));
    CHECK(exit_code_of(condition) == code);
    CHECK(names.insert(condition_name(condition)).second);
    CHECK(condition_from_name(condition_name(condition)) == condition);
    CHECK(condition_name(condition).find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
  }
  CHECK_FALSE(condition_from_name("").has_value());
  CHECK_FALSE(condition_from_name("not_found").has_value());
  CHECK_FALSE(condition_from_name("Busy").has_value());
}

TEST_CASE("errors of the system become conditions") {
  CHECK(errno_error(ENOENT, "open", "/a").condition == Condition::not_found);
  CHECK(errno_error(ENOTDIR, "open", "/a").condition == Condition::not_found);
  CHECK(errno_error(EACCES, "open", "/a").condition == Condition::permission);
  CHECK(errno_error(EROFS, "open", "/a").condition == Condition::permission);
  CHECK(errno_error(EIO, "open", "/a").condition == Condition::io);
  auto const full = errno_error(ENOSPC, "write to", "/a/b");
  CHECK(full.condition == Condition::no_space);
  CHECK(full.system_errno == ENOSPC);
  CHECK(full.subject == "/a/b");
  CHECK(full.message.starts_with("cannot write to /a/b: "));
  CHECK_FALSE(full.advice.empty());
}

TEST_CASE("the text of an error holds what the store said and the advice") {
  auto error = make_error(Condition::permission, "cannot list the bucket", "Check the key");
  CHECK(error.text() == "cannot list the bucket. Check the key");
  error.remote_code = "AccessDenied";
  error.remote_message = "not entitled";
  error.request_id = "42";
  CHECK(error.text() == "cannot list the bucket (the store says: AccessDenied, not entitled, request 42). Check the key");
  error.remote_code.clear();
  CHECK(error.text() == "cannot list the bucket (the store says: not entitled, request 42). Check the key");
}

TEST_CASE("B2B_TRY and B2B_ASSIGN hand errors on") {
  CHECK(must_be_even(2));
  CHECK(must_be_even(3).error().condition == Condition::usage);
  CHECK(quarter(12).value() == 3);
  CHECK_FALSE(quarter(6));
  CHECK_FALSE(quarter(5));
}

TEST_CASE("the value of an error throws its text") {
  CHECK_THROWS_WITH(half(1).value(), "odd");
}
