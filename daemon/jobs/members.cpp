#include "daemon/jobs/members.h"

#include <boost/json/value.hpp>

namespace b2b::jobs {
namespace {

namespace json = boost::json;

json::value const& member(json::object const& object, std::string_view name) {
  static json::value const none;
  json::value const* value = object.if_contains(name);
  return value == nullptr ? none : *value;
}

}  // namespace

std::string as_text(json::value const& value) {
  json::string const* text = value.if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

json::object const& as_object(json::value const& value) {
  static json::object const none;
  json::object const* object = value.if_object();
  return object == nullptr ? none : *object;
}

std::string text_of(json::object const& object, std::string_view name) { return as_text(member(object, name)); }

std::uint64_t number_of(json::object const& object, std::string_view name) {
  json::value const& value = member(object, name);
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() > 0) return static_cast<std::uint64_t>(value.get_int64());
  return 0;
}

std::string count_of(json::object const& object, std::string_view name) { return std::to_string(number_of(object, name)); }

std::string counted(json::object const& object, std::string_view name, std::string_view one, std::string_view many) {
  std::uint64_t const count = number_of(object, name);
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

double real_of(json::object const& object, std::string_view name) {
  json::value const& value = member(object, name);
  return value.is_double() ? value.get_double() : static_cast<double>(number_of(object, name));
}

bool flag_of(json::object const& object, std::string_view name) {
  json::value const& value = member(object, name);
  return value.is_bool() && value.get_bool();
}

bool has_value(json::object const& object, std::string_view name) { return !member(object, name).is_null(); }

json::array const& list_of(json::object const& object, std::string_view name) {
  static json::array const none;
  json::array const* list = member(object, name).if_array();
  return list == nullptr ? none : *list;
}

json::object const& object_of(json::object const& object, std::string_view name) { return as_object(member(object, name)); }

}  // namespace b2b::jobs
