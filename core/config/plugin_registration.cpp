#include "core/config/plugin_registration.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "core/config/json5.h"

namespace b2b {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 2> plugin_names{"b2-backup", "openclaw-b2-backup"};

json::value const* find(json::value const& root, std::initializer_list<std::string_view> path) {
  json::value const* at = &root;
  for (std::string_view const key : path) {
    if (!at->is_object()) return nullptr;
    at = at->get_object().if_contains(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

json::object const* find_object(json::value const& root, std::initializer_list<std::string_view> path) {
  json::value const* const found = find(root, path);
  return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

// The object at the path, made where it is missing; null where something else stands in its way.
json::object* make_object(json::value& root, std::initializer_list<std::string_view> path) {
  json::value* at = &root;
  for (std::string_view const key : path) {
    if (!at->is_object()) return nullptr;
    at = &at->get_object()[key];
    if (at->is_null()) at->emplace_object();
  }
  return at->is_object() ? &at->get_object() : nullptr;
}

bool has_text(json::value const* list, std::string_view text) {
  if (list == nullptr || !list->is_array()) return false;
  auto const& items = list->get_array();
  return std::any_of(items.begin(), items.end(),
                     [&](json::value const& item) { return item.is_string() && item.get_string() == text; });
}

class Registration {
 public:
  Registration(json::value const& current, json::value& restored,
               std::function<bool(std::string_view)> const& names_plugin)
      : current_(current), restored_(restored), names_plugin_(names_plugin) {}

  bool put_in() {
    take_objects({"plugins", "entries"});
    take_objects({"plugins", "installs"});
    take_paths();
    for (std::string_view const name : plugin_names)
      if (in_use(name)) let_in(name);
    return changed_;
  }

 private:
  void take_objects(std::initializer_list<std::string_view> path) {
    json::object const* const from = find_object(current_, path);
    if (from == nullptr) return;
    bool const any = std::any_of(plugin_names.begin(), plugin_names.end(),
                                 [&](auto name) { return from->contains(name); });
    if (!any) return;
    json::object* const to = make_object(restored_, path);
    if (to == nullptr) return;
    for (std::string_view const name : plugin_names) {
      json::value const* const ours = from->if_contains(name);
      json::value const* const theirs = to->if_contains(name);
      if (ours == nullptr && theirs == nullptr) continue;
      if (ours != nullptr && theirs != nullptr && *ours == *theirs) continue;
      // Two entries would contradict each other.
      if (ours == nullptr) {
        to->erase(name);
      } else {
        (*to)[name] = *ours;
      }
      changed_ = true;
    }
  }

  void take_paths() {
    json::value const* const from = find(current_, {"plugins", "load", "paths"});
    if (from == nullptr || !from->is_array()) return;
    for (json::value const& item : from->get_array()) {
      if (!item.is_string() || !names_plugin_(item.get_string())) continue;
      path_taken_ = true;
      if (has_text(find(restored_, {"plugins", "load", "paths"}), item.get_string())) continue;
      json::object* const load = make_object(restored_, {"plugins", "load"});
      if (load == nullptr) return;
      json::value& paths = (*load)["paths"];
      if (paths.is_null()) paths.emplace_array();
      if (!paths.is_array()) return;
      paths.get_array().push_back(item);
      changed_ = true;
    }
  }

  bool in_use(std::string_view name) const {
    json::object const* const entries = find_object(current_, {"plugins", "entries"});
    json::value const* const entry = entries != nullptr ? entries->if_contains(name) : nullptr;
    if (entry == nullptr) return path_taken_ && name == plugin_names[0];
    json::value const* const enabled = find(*entry, {"enabled"});
    return !(enabled != nullptr && enabled->is_bool() && !enabled->get_bool());
  }

  void let_in(std::string_view name) {
    json::value const* const our_allow = find(current_, {"plugins", "allow"});
    if (has_text(find(current_, {"plugins", "deny"}), name)) return;
    if (our_allow != nullptr && our_allow->is_array() && !our_allow->get_array().empty() &&
        !has_text(our_allow, name))
      return;
    json::object* const plugins = make_object(restored_, {"plugins"});
    if (plugins == nullptr) return;
    if (json::value* const allow = plugins->if_contains("allow");
        allow != nullptr && allow->is_array() && !allow->get_array().empty() && !has_text(allow, name)) {
      allow->get_array().emplace_back(name);
      changed_ = true;
    }
    if (json::value* const deny = plugins->if_contains("deny"); has_text(deny, name)) {
      json::array left;
      for (json::value const& item : deny->get_array())
        if (!item.is_string() || item.get_string() != name) left.push_back(item);
      *deny = std::move(left);
      changed_ = true;
    }
  }

  json::value const& current_;
  json::value& restored_;
  std::function<bool(std::string_view)> const& names_plugin_;
  bool changed_ = false;
  bool path_taken_ = false;
};

// As OpenClaw writes it: two spaces for each level.
void print(std::string& out, json::value const& value, std::size_t depth) {
  auto const line = [&](std::size_t level) { out += "\n" + std::string(2 * level, ' '); };
  if (value.is_object() && !value.get_object().empty()) {
    bool first = true;
    out += '{';
    for (auto const& member : value.get_object()) {
      out += first ? "" : ",";
      first = false;
      line(depth + 1);
      out += json::serialize(json::string(member.key())) + ": ";
      print(out, member.value(), depth + 1);
    }
    line(depth);
    out += '}';
  } else if (value.is_array() && !value.get_array().empty()) {
    bool first = true;
    out += '[';
    for (json::value const& item : value.get_array()) {
      out += first ? "" : ",";
      first = false;
      line(depth + 1);
      print(out, item, depth + 1);
    }
    line(depth);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::optional<std::string> keep_plugin_registration(
    std::string_view current, std::string_view restored,
    std::function<bool(std::string_view path)> const& names_plugin) {
  Json5Options options;
  options.dialect = Json5Dialect::foreign;
  auto const ours = parse_json5(current, "openclaw.json", options);
  auto theirs = parse_json5(restored, "openclaw.json", options);
  if (!ours || !theirs || !ours->is_object() || !theirs->is_object()) return std::nullopt;
  if (!Registration(*ours, *theirs, names_plugin).put_in()) return std::nullopt;
  std::string out;
  print(out, *theirs, 0);
  return out + "\n";
}

}  // namespace b2b
