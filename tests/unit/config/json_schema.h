// The part of JSON Schema (draft 2020-12) that config/schema.json uses, for the tests that hold it against
// the code.
#pragma once

#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <regex.h>

namespace b2b::test {

// POSIX extended expressions are enough for the patterns there.
inline bool matches_pattern(std::string const& text, std::string const& pattern) {
  regex_t compiled{};
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  bool const found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

// The first thing that is wrong with `value`; empty when it is valid. An unknown keyword is wrong as well.
inline std::string schema_problem(boost::json::object const& schema, boost::json::value const& value,
                                  std::string const& at = "") {
  auto const number = [](boost::json::value const& n) { return n.to_number<double>(); };
  for (auto const& rule : schema) {
    std::string const keyword(rule.key());
    boost::json::value const& wanted = rule.value();
    if (keyword == "description" || keyword == "title" || keyword == "$schema" || keyword == "default" ||
        keyword == "writeOnly")
      continue;
    if (keyword == "type") {
      std::string const type(wanted.get_string());
      bool const fits = (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
                        (type == "string" && value.is_string()) || (type == "boolean" && value.is_bool()) ||
                        (type == "integer" && (value.is_int64() || value.is_uint64()));
      if (!fits) return at + ": not of the type " + type;
    } else if (keyword == "properties") {
      if (!value.is_object()) continue;
      for (auto const& member : value.get_object()) {
        boost::json::value const* const inner = wanted.get_object().if_contains(member.key());
        if (inner == nullptr) continue;
        std::string problem =
            schema_problem(inner->get_object(), member.value(), at + "/" + std::string(member.key()));
        if (!problem.empty()) return problem;
      }
    } else if (keyword == "additionalProperties") {
      if (!value.is_object() || wanted.get_bool()) continue;
      for (auto const& member : value.get_object())
        if (!schema.at("properties").get_object().contains(member.key()))
          return at + ": unknown key " + std::string(member.key());
    } else if (keyword == "required") {
      for (boost::json::value const& name : wanted.get_array())
        if (!value.is_object() || !value.get_object().contains(name.get_string()))
          return at + ": lacks a key";
    } else if (keyword == "items") {
      if (!value.is_array()) continue;
      for (boost::json::value const& entry : value.get_array()) {
        std::string problem = schema_problem(wanted.get_object(), entry, at + "[]");
        if (!problem.empty()) return problem;
      }
    } else if (keyword == "enum") {
      bool found = false;
      for (boost::json::value const& choice : wanted.get_array())
        found |= choice == value;
      if (!found) return at + ": none of the choices";
    } else if (keyword == "minimum" || keyword == "maximum") {
      if (!value.is_number()) continue;
      bool const fits =
          keyword == "minimum" ? number(value) >= number(wanted) : number(value) <= number(wanted);
      if (!fits) return at + ": out of bounds";
    } else if (keyword == "minLength") {
      if (value.is_string() && static_cast<double>(value.get_string().size()) < number(wanted))
        return at + ": too short";
    } else if (keyword == "minItems") {
      if (value.is_array() && static_cast<double>(value.get_array().size()) < number(wanted))
        return at + ": too few";
    } else if (keyword == "pattern") {
      if (value.is_string() &&
          !matches_pattern(std::string(value.get_string()), std::string(wanted.get_string())))
        return at + ": does not match";
    } else if (keyword == "anyOf") {
      bool fits = false;
      for (boost::json::value const& choice : wanted.get_array())
        fits |= schema_problem(choice.get_object(), value, at).empty();
      if (!fits) return at + ": fits none of the forms";
    } else if (keyword == "allOf") {
      for (boost::json::value const& part : wanted.get_array()) {
        std::string problem = schema_problem(part.get_object(), value, at);
        if (!problem.empty()) return problem;
      }
    } else if (keyword == "not") {
      if (schema_problem(wanted.get_object(), value, at).empty()) return at + ": forbidden combination";
    } else {
      return at + ": the schema uses " + keyword + ", which this check does not know";
    }
  }
  return {};
}

}  // namespace b2b::test
