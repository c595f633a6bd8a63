#include "core/config/substitution.h"

#include <algorithm>

namespace b2b {
namespace {

// "{NAME}" at the beginning of `text`: the name; empty when it is something else.
std::string_view braced_name(std::string_view text) {
  if (!text.starts_with('{')) return {};
  std::size_t const end = text.find('}');
  if (end == std::string_view::npos) return {};
  std::string_view const name = text.substr(1, end - 1);
  return is_variable_name(name) ? name : std::string_view{};
}

}  // namespace

bool is_variable_name(std::string_view name) {
  auto const is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !is_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

Substituted substitute_variables(std::string_view text, VariableLookup const& lookup) {
  Substituted result;
  for (std::size_t at = 0; at < text.size();) {
    std::string_view const rest = text.substr(at);
    std::string_view const literal =
        rest.starts_with("$$") ? braced_name(rest.substr(2)) : std::string_view{};
    std::string_view const name = rest.starts_with('$') ? braced_name(rest.substr(1)) : std::string_view{};
    if (!literal.empty()) {
      result.text.append(rest.substr(1, literal.size() + 3));
      at += literal.size() + 4;
    } else if (!name.empty()) {
      auto const found = lookup(name);
      std::size_t const length = name.size() + 3;
      if (found && !found->empty()) {
        result.text += *found;
      } else {
        result.text.append(rest.substr(0, length));
        result.missing.emplace_back(name);
      }
      at += length;
    } else {
      result.text.push_back(rest.front());
      ++at;
    }
  }
  return result;
}

}  // namespace b2b
