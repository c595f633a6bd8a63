// NotifyState as JSON:
// {"version":1,"failing":true,"told":[{"what":"…","at":"…Z","recovered":false,"again":false}]}
#include <boost/json.hpp>

#include "core/notify/rate_limit.h"

namespace b2b {
namespace {

namespace json = boost::json;

constexpr std::int64_t version = 1;
constexpr std::size_t text_bytes_max = 64 * 1024;

bool flag(json::object const& object, std::string_view name) {
  auto const* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

std::string to_text(NotifyState const& state) {
  json::array told;
  for (ToldFailure const& entry : state.told)
    told.push_back(json::object{{"what", entry.what},
                                {"at", format_iso8601(entry.at)},
                                {"recovered", entry.recovered},
                                {"again", entry.again}});
  return json::serialize(
      json::object{{"version", version}, {"failing", state.failing}, {"told", std::move(told)}});
}

NotifyState notify_state_from(std::string_view text) {
  if (text.size() > text_bytes_max) return {};
  json::error_code malformed;
  json::parse_options options;
  options.max_depth = 4;
  json::value const document = json::parse(text, malformed, json::storage_ptr{}, options);
  if (malformed || !document.is_object()) return {};
  json::object const& object = document.get_object();
  auto const* const known = object.if_contains("version");
  auto const* const told = object.if_contains("told");
  if (known == nullptr || *known != version || told == nullptr || !told->is_array()) return {};
  NotifyState state;
  state.failing = flag(object, "failing");
  for (json::value const& entry : told->get_array()) {
    auto const* const fields = entry.if_object();
    auto const* const what = fields == nullptr ? nullptr : fields->if_contains("what");
    auto const* const at = fields == nullptr ? nullptr : fields->if_contains("at");
    if (what == nullptr || !what->is_string() || at == nullptr || !at->is_string()) return {};
    auto const time = parse_iso8601(std::string_view(at->get_string()));
    if (!time || state.told.size() == told_failures_max) return {};
    state.told.push_back(
        {std::string(what->get_string()), *time, flag(*fields, "recovered"), flag(*fields, "again")});
  }
  return state;
}

}  // namespace b2b
