#include "core/config/own_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>

#include <boost/json/object.hpp>
#include <sys/stat.h>

#include "core/config/config_file.h"
#include "core/config/json5.h"
#include "core/config/schema.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

constexpr std::uint64_t file_bytes_max = 1ull << 20;
constexpr std::uint64_t key_file_bytes_max = 64ull << 10;

bool is_profile_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// Turns the parsed file into a layer; every message says where in the file it applies.
class FileReader {
 public:
  FileReader(std::string const& path, Json5Positions const& positions, std::string const& home)
      : path_(path), positions_(positions), home_(home) {}

  Result<void> read(boost::json::value const& document, Layer& into) const {
    if (!document.is_object())
      return make_error(Condition::bad_config, path_ + ":1:1: the file must hold one object: { … }", {},
                        path_);
    for (auto const& entry : document.get_object()) {
      std::string const name(entry.key());
      if (name == "$schema") continue;  // for editors
      if (KeySpec const* const flag = group_flag(name); flag != nullptr && entry.value().is_bool()) {
        into.set(flag->name, entry.value(), path_);
      } else if (is_key_group(name)) {
        if (!entry.value().is_object())
          return problem(name, name + " must be an object" + (flag == nullptr ? "" : ", true or false"));
        for (auto const& member : entry.value().get_object())
          B2B_TRY(read_key(name + "." + std::string(member.key()), member.value(), into));
      } else if (name.find('.') != std::string::npos) {
        return find_key(name) != nullptr ? written_flat(name) : unknown(name);
      } else {
        B2B_TRY(read_key(name, entry.value(), into));
      }
    }
    for (std::string_view const key : {"applicationKey", "encryptionKey"}) {
      std::string const file_key = std::string(key) + "File";
      if (into.has(key) && into.has(file_key))
        return problem(file_key, std::string(key) + " and " + file_key + " are both set",
                       "Keep one of the two");
    }
    return {};
  }

 private:
  Result<void> read_key(std::string const& name, boost::json::value const& value, Layer& into) const {
    KeySpec const* const key = find_key(name);
    if (key == nullptr) return unknown(name);
    auto checked = check_value(*key, value);
    if (!checked) return problem(name, checked.error().message, checked.error().advice);
    if (key->type == KeyType::path)
      *checked = expand_path(std::string_view(checked->get_string()), parent_path(path_), home_);
    into.set(name, std::move(*checked), path_);
    return {};
  }

  Error unknown(std::string const& name) const {
    return problem(
        name, "unknown key '" + printable(name) + "'; the nearest known key is '" + nearest_key(name) + "'",
        "See docs/configuration.md for all keys");
  }

  // "limits.upload" as a key of the file itself: messages and the command line name it so, the file does not.
  Error written_flat(std::string const& name) const {
    std::size_t const dot = name.find('.');
    return problem(
        name, name + " must be written as " + name.substr(0, dot) + ": { " + name.substr(dot + 1) + ": … }");
  }

  Error problem(std::string const& key, std::string const& message, std::string advice = {}) const {
    std::string where = path_;
    if (auto const found = positions_.find(key); found != positions_.end())
      where += ":" + std::to_string(found->second.line) + ":" + std::to_string(found->second.column);
    return make_error(Condition::bad_config, where + ": " + message, std::move(advice), key);
  }

  std::string const& path_;
  Json5Positions const& positions_;
  std::string const& home_;
};

// A link whose file was moved away: the file is meant to be there, so it is neither passed over nor taken for
// a failure that may pass. nullopt for anything else.
std::optional<Error> broken_link(std::string const& path) {
  std::error_code not_a_link;
  std::string const target = std::filesystem::read_symlink(path, not_a_link).string();
  struct stat status {};
  if (not_a_link || ::stat(path.c_str(), &status) == 0) return std::nullopt;
  std::string_view wrong;
  if (errno == ENOENT || errno == ENOTDIR) wrong = ", which does not exist";
  if (errno == ELOOP) wrong = ", which leads back to it";
  if (wrong.empty()) return std::nullopt;
  return make_error(
      Condition::bad_config,
      "the configuration file " + path + " is a symbolic link to " + printable(target) + std::string(wrong),
      "Correct the link, or remove it", path);
}

bool holds_secrets(Layer const& layer) {
  auto const& values = layer.values();
  return std::any_of(values.begin(), values.end(), [](auto const& entry) {
    KeySpec const* const key = find_key(entry.first);
    return key != nullptr && key->secret;
  });
}

}  // namespace

Result<void> check_profile(std::string_view name) {
  constexpr std::size_t length_max = 64;
  if (is_profile_name(name) && name.size() <= length_max && name.find('.') == std::string_view::npos)
    return {};
  return make_error(
      Condition::usage, "\"" + printable(name.substr(0, length_max)) + "\" is no name of a profile",
      "A profile's name has 1 to 64 letters, digits, '-' and '_', as in: openclaw --profile NAME",
      "--profile");
}

std::string profile_of_state_dir(std::string_view state_dir, std::string_view home) {
  std::string const stem = std::string(home) + "/.openclaw-";
  if (!state_dir.starts_with(stem)) return {};
  std::string_view const profile = state_dir.substr(stem.size());
  return is_profile_name(profile) ? std::string(profile) : std::string();
}

std::string profile_of_config_file(std::string_view path) {
  std::string const file = base_name(path);
  std::string_view name = file;
  constexpr std::string_view prefix = "config-";
  constexpr std::string_view suffix = ".json5";
  if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() < prefix.size() + suffix.size())
    return {};
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  return is_profile_name(name) ? std::string(name) : std::string();
}

std::vector<std::string> config_file_places(ConfigSources const& sources, std::string_view profile) {
  std::string const name = profile.empty() ? "config.json5" : "config-" + std::string(profile) + ".json5";
  std::vector<std::string> places;
  auto const add = [&](std::string const& directory) {
    std::string place = join_path(directory, name);
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(std::move(place));
  };
  auto const configured = sources.environment.find("XDG_CONFIG_HOME");
  // The XDG base directory specification: relative paths are to be ignored.
  if (configured != sources.environment.end() && configured->second.starts_with('/'))
    add(configured->second + "/b2backupd");
  if (!sources.home.empty()) add(sources.home + "/.config/b2backupd");
  add(sources.system_config_dir);
  return places;
}

Result<OwnFile> read_own_file(ConfigSources const& sources, std::string_view profile) {
  OwnFile result;
  if (!sources.config_file.empty()) {
    result.path = expand_path(sources.config_file, sources.working_directory, sources.home);
    if (!path_exists(result.path))
      return make_error(Condition::bad_config, "the configuration file " + result.path + " does not exist",
                        "Check the path given with --config", result.path);
  } else {
    for (std::string const& place : config_file_places(sources, profile)) {
      if (!path_exists(place)) continue;
      result.path = place;
      break;
    }
  }
  if (result.path.empty()) return result;
  if (auto const broken = broken_link(result.path)) return *broken;

  B2B_ASSIGN(ConfigFile file, read_config_file(result.path, file_bytes_max, "read the configuration file"));
  Json5Positions positions;
  auto document = parse_json5(file.text, result.path, {Json5Dialect::strict, &positions});
  wipe(file.text.data(), file.text.size());
  if (!document) return document.error();
  auto const read = FileReader(result.path, positions, sources.home).read(*document, result.values);
  wipe_json(*document);
  if (!read) return read.error();
  if (holds_secrets(result.values))
    if (auto warning = open_secrets_warning(result.path, file.mode, "secrets"))
      result.warnings.push_back(*warning);
  return result;
}

Result<void> read_key_files(std::span<Layer* const> layers, std::vector<std::string>& warnings) {
  for (std::string_view const key : {"applicationKey", "encryptionKey"}) {
    std::string const file_key = std::string(key) + "File";
    for (Layer* const layer : layers) {
      if (layer->has(key)) break;
      SourcedValue const* const path_value = layer->find(file_key);
      if (path_value == nullptr) continue;
      std::string const path(path_value->value.get_string());
      auto file = read_config_file(path, key_file_bytes_max, "read the file in " + file_key);
      if (!file)
        return make_error(Condition::bad_config,
                          file_key + " (" + path_value->source + "): " + file.error().message,
                          file.error().advice, path);
      Secret const secret{without_final_newline(file->text)};
      wipe(file->text.data(), file->text.size());
      if (secret.empty())
        return make_error(Condition::bad_config,
                          file_key + " (" + path_value->source + ") names " + path + ", which is empty", {},
                          path);
      if (auto warning = open_secrets_warning(path, file->mode, "a secret")) warnings.push_back(*warning);
      layer->set(key, boost::json::value(secret.reveal()), file_key + " " + path);
      break;
    }
  }
  return {};
}

}  // namespace b2b
