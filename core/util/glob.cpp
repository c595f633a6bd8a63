#include "core/util/glob.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace b2b {
namespace {

// A "**" anywhere in components_ stands for zero or more names. At the end of a pattern it needs one at least, so parse()
// stores it as "*" followed by "**".
constexpr std::string_view any_depth = "**";

// The position after the set that opens at `at` (a '['), or nullopt when nothing closes it.
std::optional<std::size_t> set_end(std::string_view pattern, std::size_t at) {
  std::size_t i = at + 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  for (std::size_t const first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i != first) return i + 1;
    if (pattern[i] == '\\') ++i;
  }
  return std::nullopt;
}

// Is `c` in the set pattern[at, end), brackets included?
bool in_set(std::string_view pattern, std::size_t at, std::size_t end, char c) {
  std::size_t i = at + 1;
  std::size_t const last = end - 1;
  bool const negated = pattern[i] == '!' || pattern[i] == '^';
  if (negated) ++i;
  auto take = [&]() -> std::uint8_t {
    if (pattern[i] == '\\') ++i;
    return static_cast<std::uint8_t>(pattern[i++]);
  };
  auto const value = static_cast<std::uint8_t>(c);
  bool found = false;
  while (i < last) {
    std::uint8_t const low = take();
    std::uint8_t high = low;
    if (i + 1 < last && pattern[i] == '-') {
      ++i;
      high = take();
    }
    found = found || (low <= value && value <= high);
  }
  return found != negated;
}

// Matches one name against one component. On a mismatch only the last '*' needs another try: what an earlier one
// could gain, the last can as well. That keeps the work at length times length.
bool matches_name(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0;
  std::size_t star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
      continue;
    }
    bool matched = false;
    std::size_t next = p;
    if (p < pattern.size()) {
      if (pattern[p] == '[') {
        next = *set_end(pattern, p);
        matched = in_set(pattern, p, next, name[n]);
      } else if (pattern[p] == '?') {
        next = p + 1;
        matched = true;
      } else {
        std::size_t const literal = pattern[p] == '\\' ? p + 1 : p;
        next = literal + 1;
        matched = pattern[literal] == name[n];
      }
    }
    if (matched) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The name that starts at `at`, and where the next one starts (npos: this is the last).
std::string_view name_at(std::string_view path, std::size_t at, std::size_t& next) {
  auto const slash = path.find('/', at);
  next = slash == std::string_view::npos ? slash : slash + 1;
  return path.substr(at, slash == std::string_view::npos ? slash : slash - at);
}

Result<void> check_component(std::string_view component, std::string_view pattern) {
  auto bad = [&](std::string const& what) {
    return make_error(Condition::usage, "the pattern '" + std::string(pattern) + "' " + what,
                      "Put a backslash before a character that is meant literally", std::string(pattern));
  };
  if (component == "..")
    return make_error(Condition::usage, "the pattern '" + std::string(pattern) + "' has a '..' in it",
                      "Patterns are relative to the root of the snapshot and cannot leave it", std::string(pattern));
  for (std::size_t i = 0; i < component.size(); ++i) {
    if (component[i] == '\\') {
      if (++i == component.size()) return bad("has a backslash with nothing to protect after it");
    } else if (component[i] == '[') {
      auto const end = set_end(component, i);
      if (!end) return bad("has a '[' without its ']'");
      i = *end - 1;
    }
  }
  return {};
}

}  // namespace

Result<Glob> Glob::parse(std::string_view pattern) {
  Glob glob;
  glob.text_ = pattern;
  glob.directories_only_ = !pattern.empty() && pattern.back() == '/';
  std::string_view rest = pattern;
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  glob.anchored_ = rest.find('/') != std::string_view::npos;
  for (std::size_t at = 0, next = 0; at < rest.size() && next != std::string_view::npos; at = next) {
    std::string_view const component = name_at(rest, at, next);
    if (component.empty() || component == ".") continue;  // "/a", "a//b", "./a"
    B2B_TRY(check_component(component, pattern));
    if (component == any_depth && !glob.components_.empty() && glob.components_.back() == any_depth) continue;
    glob.components_.emplace_back(component);
  }
  if (glob.components_.empty())
    return make_error(Condition::usage, "the pattern '" + std::string(pattern) + "' is empty",
                      "Write '**' for everything", std::string(pattern));
  if (!glob.anchored_) glob.components_.insert(glob.components_.begin(), std::string(any_depth));
  if (glob.components_.back() == any_depth) {
    glob.components_.back() = "*";
    glob.components_.emplace_back(any_depth);
  }
  return glob;
}

bool Glob::matches(std::string_view path, bool is_directory) const {
  if (path.empty() || (directories_only_ && !is_directory)) return false;
  // The same walk as in matches_name, with names for characters and "**" for '*'.
  constexpr std::size_t none = std::string_view::npos;
  std::size_t c = 0, at = 0;
  std::size_t star = none, star_at = 0;
  while (at != none) {
    if (c < components_.size() && components_[c] == any_depth) {
      star = c++;
      star_at = at;
      continue;
    }
    std::size_t next = 0;
    if (c < components_.size() && matches_name(components_[c], name_at(path, at, next))) {
      ++c;
      at = next;
    } else if (star != none) {
      name_at(path, star_at, next);
      c = star + 1;
      at = star_at = next;
    } else {
      return false;
    }
  }
  while (c < components_.size() && components_[c] == any_depth) ++c;
  return c == components_.size();
}

bool Glob::covers(std::string_view path, bool is_directory) const {
  if (matches(path, is_directory)) return true;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    if (matches(path.substr(0, slash), true)) return true;
  return false;
}

bool Glob::may_match_below(std::string_view directory) const {
  if (directory.empty()) return true;
  // Which components could come next after the names so far: all at once, as an automaton.
  std::vector<char> here{1};
  here.resize(components_.size() + 1, 0);
  auto close = [&](std::vector<char>& states) {
    for (std::size_t i = 0; i < components_.size(); ++i)
      if (states[i] != 0 && components_[i] == any_depth) states[i + 1] = 1;
  };
  close(here);
  std::size_t next = 0;
  for (std::size_t at = 0; at != std::string_view::npos; at = next) {
    std::string_view const name = name_at(directory, at, next);
    std::vector<char> after(here.size(), 0);
    for (std::size_t i = 0; i < components_.size(); ++i) {
      if (here[i] == 0) continue;
      if (components_[i] == any_depth) {
        after[i] = 1;
      } else if (matches_name(components_[i], name)) {
        after[i + 1] = 1;
      }
    }
    close(after);
    if (after.back() != 0) return true;  // this directory matches and covers all below it
    here = std::move(after);
  }
  return std::find(here.begin(), here.end(), 1) != here.end();
}

}  // namespace b2b
