#include "core/gateway/launch.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <dirent.h>
#include <pwd.h>
#include <unistd.h>

#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view option = "--allow-unconfigured";
constexpr std::string_view unit_stem = "openclaw-gateway";
constexpr std::string_view unit_end = ".service";
constexpr std::uint64_t longest_unit = 256 << 10;

// The words of a line of a service file: quotes group, a backslash takes the next character as it is.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const c = text[i];
    bool const space = c == ' ' || c == '\t';
    if (quote == 0 && space) {
      in_word = false;
      continue;
    }
    if (!in_word) out.emplace_back();
    in_word = true;
    if (c == '\\' && i + 1 < text.size()) {
      out.back() += text[++i];
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else {
      out.back() += c;
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

bool is_the_option(std::string_view word) {
  return word == option || (word.starts_with(option) && word.size() > option.size() &&
                            word[option.size()] == '=' && !word.ends_with("=false"));
}

// "sh -c 'openclaw gateway --allow-unconfigured'" has it inside a word.
bool has_the_option(std::vector<std::string> const& words) {
  return std::any_of(words.begin(), words.end(), [](std::string const& word) {
    if (is_the_option(word)) return true;
    auto const inner = word.find(' ') == std::string::npos ? std::vector<std::string>() : words_of(word);
    return std::any_of(inner.begin(), inner.end(), is_the_option);
  });
}

void take_line(GatewayUnit& unit, std::string_view key, std::string_view value) {
  auto const words = words_of(value);
  if (key == "Environment") {
    for (std::string const& word : words) {
      if (word.starts_with("OPENCLAW_STATE_DIR=")) unit.state_dir = word.substr(19);
      if (word.starts_with("OPENCLAW_PROFILE=")) unit.profile = word.substr(17);
    }
    return;
  }
  if (!key.starts_with("Exec")) return;
  unit.allows_unconfigured = unit.allows_unconfigured || has_the_option(words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--profile" && i + 1 < words.size()) unit.profile = words[i + 1];
    if (words[i].starts_with("--profile=")) unit.profile = words[i].substr(10);
  }
}

std::vector<std::string> names_in(std::string const& directory) {
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  std::vector<std::string> out;
  std::unique_ptr<DIR, Close> const stream(::opendir(directory.c_str()));
  while (stream) {
    dirent const* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    out.emplace_back(entry->d_name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The profile in "openclaw-gateway-P.service", empty for "openclaw-gateway.service"; nullopt: another
// service.
std::optional<std::string> profile_of_unit(std::string_view name) {
  if (!name.starts_with(unit_stem) || !name.ends_with(unit_end)) return std::nullopt;
  name.remove_prefix(unit_stem.size());
  name.remove_suffix(unit_end.size());
  if (name.empty()) return std::string();
  if (name.size() < 2 || name.front() != '-') return std::nullopt;
  return std::string(name.substr(1));
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

std::string state_dir_of(GatewayUnit const& unit, std::string const& unit_profile, std::string const& home) {
  if (!unit.state_dir.empty()) {
    std::string path = unit.state_dir;
    if (path.starts_with("%h/") || path.starts_with("~/"))
      path = join_path(home, path.substr(path.find('/') + 1));
    return without_slash(path);
  }
  std::string const& profile = unit.profile.empty() ? unit_profile : unit.profile;
  return join_path(home, profile.empty() || profile == "default" ? ".openclaw" : ".openclaw-" + profile);
}

std::string text_or_nothing(std::string const& path) {
  auto text = read_file(path, longest_unit);
  return text ? std::move(*text) : std::string();
}

// The unit file with its drop-ins after it, as systemd reads them.
std::string text_of_unit(std::string const& path) {
  std::string text = text_or_nothing(path);
  for (std::string const& name : names_in(path + ".d"))
    if (name.ends_with(".conf")) text += "\n" + text_or_nothing(join_path(path + ".d", name));
  return text;
}

std::optional<std::string> told_by_unit(std::string const& directory, std::string const& name,
                                        std::string const& state_dir, std::string const& home) {
  // A service may have drop-ins here and its file elsewhere.
  std::string const unit_name = name.ends_with(".d") ? name.substr(0, name.size() - 2) : name;
  auto const profile = profile_of_unit(unit_name);
  if (!profile) return std::nullopt;
  std::string const path = join_path(directory, unit_name);
  GatewayUnit const unit = parse_gateway_unit(text_of_unit(path));
  if (!unit.allows_unconfigured) return std::nullopt;
  std::string const theirs = state_dir_of(unit, *profile, home);
  bool const told = theirs.find('%') == std::string::npos && theirs.find('$') == std::string::npos;
  if (told && theirs != state_dir) return std::nullopt;
  return "the service file " + path + " starts the gateway with " + std::string(option);
}

}  // namespace

GatewayUnit parse_gateway_unit(std::string_view text) {
  GatewayUnit unit;
  std::string line;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    std::string_view const piece = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() && (piece.empty() || piece.front() == '#' || piece.front() == ';')) continue;
    if (!line.empty() && !piece.empty() && (piece.front() == '#' || piece.front() == ';')) continue;
    line += piece;
    if (line.ends_with('\\') && !text.empty()) {
      line.back() = ' ';
      continue;
    }
    auto const equals = line.find('=');
    if (equals != std::string::npos)
      take_line(unit, trimmed(std::string_view(line).substr(0, equals)),
                trimmed(std::string_view(line).substr(equals + 1)));
    line.clear();
  }
  return unit;
}

GatewayLaunch gateway_launch_places() {
  GatewayLaunch launch;
  char const* const home = std::getenv("HOME");
  if (home != nullptr && *home == '/') {
    launch.home = without_slash(home);
  } else if (passwd const* const account = ::getpwuid(::geteuid());
             account != nullptr && account->pw_dir != nullptr) {
    launch.home = without_slash(account->pw_dir);
  }
  char const* const configured = std::getenv("XDG_CONFIG_HOME");
  bool const usable = configured != nullptr && *configured == '/';
  std::string const config = usable ? std::string(configured) : join_path(launch.home, ".config");
  launch.unit_directories = {join_path(config, "systemd/user"), "/etc/systemd/user", "/etc/systemd/system"};
  return launch;
}

std::optional<std::string> starts_unconfigured(std::string const& state_dir, GatewayLaunch const& launch) {
  if (launch.pid) {
    std::vector<std::string> words(1);
    for (char const c : text_or_nothing("/proc/" + std::to_string(*launch.pid) + "/cmdline")) {
      if (c == '\0')
        words.emplace_back();
      else
        words.back() += c;
    }
    if (has_the_option(words))
      return "the running gateway (pid " + std::to_string(*launch.pid) + ") was started with " +
             std::string(option);
  }
  if (has_the_option(launch.start_command))
    return "the configured command gateway.start starts the gateway with " + std::string(option);
  std::string const ours = without_slash(state_dir);
  for (std::string const& directory : launch.unit_directories)
    for (std::string const& name : names_in(directory))
      if (auto told = told_by_unit(directory, name, ours, launch.home)) return told;
  return std::nullopt;
}

}  // namespace b2b
