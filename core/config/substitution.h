// ${NAME} in the texts of openclaw.json. Pure.
//
// A name is made of upper-case letters, digits and '_', and does not begin with a digit; anything else stays
// as it is.
// $${NAME} is a literal ${NAME}. A variable that is not set, or empty, stays as written and is reported.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace b2b {

using VariableLookup = std::function<std::optional<std::string>(std::string_view name)>;

struct Substituted {
  std::string text;
  std::vector<std::string> missing;  // names that were not found
};

Substituted substitute_variables(std::string_view text, VariableLookup const& lookup);

bool is_variable_name(std::string_view name);

}  // namespace b2b
