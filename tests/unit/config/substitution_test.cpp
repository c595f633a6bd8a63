#include "core/config/substitution.h"

#include <catch2/catch.hpp>

using namespace b2b;

namespace {
Substituted substituted(std::string_view text) {
  return substitute_variables(text, [](std::string_view name) -> std::optional<std::string> {
    if (name == "A") return "alpha";
    if (name == "B_2") return "${A}";
    if (name == "EMPTY") return "";
    return std::nullopt;
  });
}
}  // namespace

TEST_CASE("substitution") {
  CHECK(substituted("").text.empty());
  CHECK(substituted("plain $ text").text == "plain $ text");
  CHECK(substituted("${A}").text == "alpha");
  CHECK(substituted("x${A}y${A}").text == "xalphayalpha");
  CHECK(substituted("${B_2}").text == "${A}");  // once only
  CHECK(substituted("$${A}").text == "${A}");
  CHECK(substituted("$$${A}").text == "$${A}");  // the first $ stands alone
  CHECK(substituted("${a}").text == "${a}");
  CHECK(substituted("${1A}").text == "${1A}");
  CHECK(substituted("${A").text == "${A");
  CHECK(substituted("${}").text == "${}");
  CHECK(substituted("$A").text == "$A");
  CHECK(substituted("$${a}").text == "$${a}");
}

TEST_CASE("substitution: missing variables stay as written and are named") {
  Substituted const result = substituted("${A}-${GONE}-${EMPTY}");
  CHECK(result.text == "alpha-${GONE}-${EMPTY}");
  CHECK(result.missing == std::vector<std::string>{"GONE", "EMPTY"});
  CHECK(substituted("$${GONE}").missing.empty());
}
