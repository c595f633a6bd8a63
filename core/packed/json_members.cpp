#include "core/packed/json_members.h"

#include <limits>

#include <boost/json/parse.hpp>

#include "core/packed/format.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

namespace json = boost::json;

std::string named(std::string_view name, std::string_view problem) {
  return "\"" + std::string(name) + "\" " + std::string(problem);
}

}  // namespace

Result<json::object> parse_small_json(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return make_error(Condition::corrupt, "it is longer than " + std::to_string(max_bytes) + " bytes");
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code failed;
  json::value parsed = json::parse(json::string_view(text.data(), text.size()), failed, {}, options);
  if (failed) return make_error(Condition::corrupt, "it is not valid JSON (" + failed.message() + ")");
  if (!parsed.is_object()) return make_error(Condition::corrupt, "it is not a JSON object");
  return std::move(parsed.get_object());
}

void JsonMembers::fail(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
}

std::string JsonMembers::text(std::string_view name) {
  auto const* const value = object_.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) {
    fail(named(name, value == nullptr ? "is missing" : "is not a text"));
    return {};
  }
  auto const& found = value->get_string();
  return std::string(found.data(), found.size());
}

std::uint64_t JsonMembers::number(std::string_view name, std::uint64_t least, std::uint64_t most) {
  auto const* const value = object_.if_contains(json::string_view(name.data(), name.size()));
  boost::system::error_code failed;
  std::uint64_t const found = value == nullptr ? 0 : value->to_number<std::uint64_t>(failed);
  if (value != nullptr && !value->is_double() && !failed && found >= least && found <= most) return found;
  fail(named(name, value == nullptr ? std::string("is missing")
                                    : "is not a whole number from " + std::to_string(least) + " to " +
                                          std::to_string(most)));
  return least;
}

json::object const& JsonMembers::object(std::string_view name) {
  static json::object const none;
  auto const* const value = object_.if_contains(json::string_view(name.data(), name.size()));
  if (value != nullptr && value->is_object()) return value->get_object();
  fail(named(name, value == nullptr ? "is missing" : "is not an object"));
  return none;
}

void JsonMembers::fail_hex(std::string_view name, std::size_t bytes) {
  fail(named(name, "is not " + std::to_string(2 * bytes) + " lower-case hexadecimal digits"));
}

Result<void> check_version(json::object const& object, std::string_view what) {
  JsonMembers members(object);
  std::uint64_t const version = members.number("version", 1, std::numeric_limits<std::int64_t>::max());
  if (!members.problem().empty())
    return make_error(Condition::corrupt, std::string(what) + " is damaged: " + members.problem());
  if (version <= format_version) return {};
  return make_error(Condition::unsupported,
                    std::string(what) + " has format version " + std::to_string(version) +
                        ", and this program knows up to " + std::to_string(format_version),
                    "Use a newer b2backupd for this repository");
}

}  // namespace b2b::packed
