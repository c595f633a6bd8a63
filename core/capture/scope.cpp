#include "core/capture/scope.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "core/capture/scope_rules.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::int64_t record_version = 1;
constexpr std::size_t max_recorded_patterns = 10'000;  // per list; bounds what a hostile manifest can cost

// Rules that beat the user's. Parsed once; the texts are ours, so a failure is a bug.
std::vector<Glob> const& never_taken() {
  static std::vector<Glob> const globs = [] {
    std::vector<Glob> out;
    for (std::string_view const pattern : scope_rules::never()) {
      auto glob = Glob::parse(pattern);
      B2B_ASSERT(glob.has_value());
      out.push_back(std::move(*glob));
    }
    return out;
  }();
  return globs;
}

bool any_matches(std::vector<Glob> const& globs, std::string_view path, bool is_directory) {
  return std::any_of(globs.begin(), globs.end(), [&](Glob const& glob) { return glob.matches(path, is_directory); });
}

// `text` as a pattern that matches just it.
std::string literal_pattern(std::string_view text) {
  std::string out;
  for (char const c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

Error bad_pattern(Error parse_error, std::string_view where) {
  parse_error.condition = Condition::bad_config;
  parse_error.message = std::string(where) + ": " + printable(parse_error.message);
  return parse_error;
}

Error bad_record(std::string const& what) {
  return make_error(Condition::corrupt, "the recorded scope of the snapshot " + what,
                    "The manifest is damaged or was written by another program");
}

boost::json::array to_json(std::vector<std::string> const& patterns) {
  boost::json::array out;
  for (auto const& pattern : patterns) out.emplace_back(pattern);
  return out;
}

}  // namespace

Result<void> Scope::Rules::add(std::string_view pattern, bool with_directory) {
  B2B_ASSIGN(Glob glob, Glob::parse(pattern));
  globs.push_back(std::move(glob));
  patterns.emplace_back(pattern);
  if (!with_directory || pattern.size() <= 3 || !pattern.ends_with("/**")) return {};
  std::string_view const directory = pattern.substr(0, pattern.size() - 3);
  // Without this '/' a single name would be looked for at any depth.
  std::string const anchored = (directory.starts_with('/') ? "" : "/") + std::string(directory) + "/";
  B2B_ASSIGN(Glob directory_glob, Glob::parse(anchored));
  globs.push_back(std::move(directory_glob));
  return {};
}

bool Scope::Rules::matches(std::string_view path, bool is_directory) const {
  return any_matches(globs, path, is_directory);
}

bool Scope::Rules::may_match_below(std::string_view directory) const {
  return std::any_of(globs.begin(), globs.end(), [&](Glob const& glob) { return glob.may_match_below(directory); });
}

Result<Scope> Scope::build(std::vector<std::string> const& user_include, std::vector<std::string> const& user_exclude,
                           std::vector<std::string> const& root_labels) {
  Scope scope;
  auto add_built_in = [](Rules& rules, std::span<std::string_view const> patterns, bool with_directory) {
    for (auto const pattern : patterns) B2B_ASSERT(rules.add(pattern, with_directory).has_value());
  };
  add_built_in(scope.include_, scope_rules::seed_include(), true);
  add_built_in(scope.include_, scope_rules::today_include(), true);
  add_built_in(scope.exclude_, scope_rules::seed_exclude(), false);
  add_built_in(scope.exclude_, scope_rules::today_exclude(), false);
  for (auto const& label : root_labels) {
    auto const added = scope.include_.add("/" + literal_pattern(label) + "/**", true);
    if (!added) return bad_pattern(added.error(), "the label of a root");
  }

  auto add_user = [](Rules& rules, std::vector<std::string> const& patterns, char const* key,
                     bool with_directory) -> Result<void> {
    for (auto const& pattern : patterns) {
      if (!is_valid_utf8(pattern))
        return make_error(Condition::bad_config, std::string(key) + ": the pattern '" + printable(pattern) + "' is not UTF-8",
                          "Write '?' or '*' for the bytes that are not text", key);
      auto const added = rules.add(pattern, with_directory);
      if (!added) return bad_pattern(added.error(), key);
    }
    return {};
  };
  B2B_TRY(add_user(scope.user_include_, user_include, "include", true));
  B2B_TRY(add_user(scope.user_exclude_, user_exclude, "exclude", false));
  return scope;
}

Scope Scope::seed() {
  Scope scope;
  for (auto const pattern : scope_rules::seed_include()) B2B_ASSERT(scope.include_.add(pattern, true).has_value());
  for (auto const pattern : scope_rules::seed_exclude()) B2B_ASSERT(scope.exclude_.add(pattern, false).has_value());
  B2B_ASSERT(scope.exclude_.add(scope_rules::seed_exclude_control_characters(), false).has_value());
  return scope;
}

Result<Scope> Scope::parse(boost::json::value const& recorded) {
  auto const* const object = recorded.if_object();
  if (object == nullptr) return bad_record("is not an object");
  auto const* const version = object->if_contains("version");
  if (version == nullptr || !version->is_int64()) return bad_record("has no version");
  if (version->get_int64() > record_version)
    return make_error(Condition::unsupported,
                      "the recorded scope of the snapshot has version " + std::to_string(version->get_int64()) +
                          ", newer than this program knows",
                      "Use a newer b2backupd");
  if (version->get_int64() < 1) return bad_record("has an impossible version");

  Scope scope;
  auto read = [&](char const* key, Rules& rules, bool with_directory) -> Result<void> {
    auto const* const list = object->if_contains(key);
    if (list == nullptr || !list->is_array()) return bad_record("has no list '" + std::string(key) + "'");
    if (list->get_array().size() > max_recorded_patterns)
      return bad_record("has more than " + std::to_string(max_recorded_patterns) + " patterns in '" + key + "'");
    for (auto const& pattern : list->get_array()) {
      if (!pattern.is_string()) return bad_record("has something other than a text in '" + std::string(key) + "'");
      auto const& text = pattern.get_string();
      auto const added = rules.add({text.data(), text.size()}, with_directory);
      if (!added) return bad_record("holds a bad pattern: " + printable(added.error().message));
    }
    return {};
  };
  B2B_TRY(read("include", scope.include_, true));
  B2B_TRY(read("exclude", scope.exclude_, false));
  B2B_TRY(read("userInclude", scope.user_include_, true));
  B2B_TRY(read("userExclude", scope.user_exclude_, false));
  return scope;
}

boost::json::value Scope::record() const {
  boost::json::object out;
  out["version"] = record_version;
  out["include"] = to_json(include_.patterns);
  out["exclude"] = to_json(exclude_.patterns);
  out["userInclude"] = to_json(user_include_.patterns);
  out["userExclude"] = to_json(user_exclude_.patterns);
  return out;
}

Scope::Cover Scope::cover(Cover const& directory, std::string_view path, bool is_directory) const {
  Cover out = directory;
  // What is out for good needs no more looking; below an included directory only the excludes are asked.
  out.never = out.never || any_matches(never_taken(), path, is_directory);
  if (out.never) return out;
  out.user_exclude = out.user_exclude || user_exclude_.matches(path, is_directory);
  if (out.user_exclude) return out;
  out.user_include = out.user_include || user_include_.matches(path, is_directory);
  if (out.user_include) return out;
  out.exclude = out.exclude || exclude_.matches(path, is_directory);
  out.include = out.include || include_.matches(path, is_directory);
  return out;
}

Scope::Verdict Scope::verdict(Cover const& cover) {
  if (cover.never) return Verdict::never;
  if (cover.user_exclude) return Verdict::excluded;
  if (cover.user_include) return Verdict::taken;
  if (cover.exclude) return Verdict::excluded;
  return cover.include ? Verdict::taken : Verdict::not_included;
}

bool Scope::may_take_below(Cover const& cover, std::string_view directory) const {
  if (cover.never || cover.user_exclude) return false;
  if (cover.user_include || user_include_.may_match_below(directory)) return true;
  if (cover.exclude) return false;
  return cover.include || include_.may_match_below(directory);
}

Scope::Verdict Scope::verdict(std::string_view path, bool is_directory) const {
  Cover above;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    above = cover(above, path.substr(0, slash), true);
  return verdict(cover(above, path, is_directory));
}

bool Scope::may_take_below(std::string_view directory) const {
  Cover above;
  for (auto slash = directory.find('/'); slash != std::string_view::npos; slash = directory.find('/', slash + 1))
    above = cover(above, directory.substr(0, slash), true);
  return may_take_below(cover(above, directory, true), directory);
}

}  // namespace b2b
