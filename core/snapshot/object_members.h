// The members of one JSON object, written and read one by one. Internal to core/snapshot.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "core/snapshot/manifest_fields.h"
#include "core/util/encoding.h"

namespace b2b::manifest {

// Writes the members of one object.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  void text(std::string_view member, std::string_view value) {
    if (is_valid_utf8(value)) {
      name(member);
      append_string(out_, value);
    } else {
      name(std::string(member) + "64");
      append_string(out_, to_base64(as_bytes(value)));
    }
  }
  void text_unless_empty(std::string_view member, std::string_view value) {
    if (!value.empty()) text(member, value);
  }
  template <class Number>
  void number(std::string_view member, Number value) {
    name(member);
    out_ += std::to_string(value);
  }
  void boolean(std::string_view member, bool value) {
    name(member);
    out_ += value ? "true" : "false";
  }
  void flag(std::string_view member, bool value) {
    if (value) boolean(member, true);
  }
  void raw(std::string_view member, std::string_view value) {
    name(member);
    out_ += value;
  }
  void close() { out_ += '}'; }

 private:
  void name(std::string_view member) {
    if (!first_) out_ += ',';
    first_ = false;
    append_string(out_, member);
    out_ += ':';
  }
  std::string& out_;
  bool first_ = true;
};

// Reads the members of one object; remembers the first problem.
class ObjectFields {
 public:
  ObjectFields(boost::json::object const& object, std::string& problem)
      : object_(object), problem_(problem) {}

  bool has(std::string_view name) const { return object_.if_contains(name) != nullptr; }

  // `name`, or `name`64 decoded; "" when neither is there.
  std::string text(std::string_view name, bool required = false) {
    if (auto const* value = object_.if_contains(name)) {
      if (value->is_string()) return std::string(value->get_string());
      return fail(name, "is not a string");
    }
    std::string const name64 = std::string(name) + "64";
    if (auto const* value = object_.if_contains(name64)) {
      auto const bytes = value->is_string() ? from_base64(value->get_string()) : std::nullopt;
      if (!bytes) return fail(name64, "is not base64");
      return std::string(as_text(*bytes));
    }
    return required ? fail(name, "is missing") : std::string();
  }

  std::uint64_t number(std::string_view name, std::uint64_t max, bool required = false) {
    auto const* value = object_.if_contains(name);
    if (value == nullptr) {
      if (required) fail(name, "is missing");
      return 0;
    }
    std::uint64_t out = 0;
    if (value->is_uint64())
      out = value->get_uint64();
    else if (value->is_int64() && value->get_int64() >= 0)
      out = static_cast<std::uint64_t>(value->get_int64());
    else
      fail(name, "is not a whole number of 0 or more");
    if (out > max) fail(name, "is out of range");
    return out;
  }

  bool boolean(std::string_view name, bool required = false) {
    auto const* value = object_.if_contains(name);
    if (value == nullptr) {
      if (required) fail(name, "is missing");
      return false;
    }
    if (!value->is_bool()) {
      fail(name, "is not true or false");
      return false;
    }
    return value->get_bool();
  }

  std::int64_t nanoseconds(std::string_view name) {
    std::string const digits = text(name);
    std::int64_t out = 0;
    if (digits.empty() && !has(name)) return 0;
    auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (code != std::errc() || end != digits.data() + digits.size())
      fail(name, "is not a number of nanoseconds");
    return out;
  }

  boost::json::object const* object(std::string_view name) {
    auto const* value = object_.if_contains(name);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) fail(name, "is not an object");
    return value->if_object();
  }

  std::string fail(std::string_view name, std::string_view what) {
    if (problem_.empty()) problem_ = "\"" + std::string(name) + "\" " + std::string(what);
    return {};
  }
  bool good() const { return problem_.empty(); }

 private:
  boost::json::object const& object_;
  std::string& problem_;
};

}  // namespace b2b::manifest
