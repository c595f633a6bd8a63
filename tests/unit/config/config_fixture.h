// A home directory of its own and the sources of a configuration in it, for the tests of this layer.
#pragma once

#include <string>
#include <string_view>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "core/config/config.h"
#include "core/util/file.h"

namespace b2b::test {

class ConfigHome {
 public:
  ConfigHome() : directory_(make()) {
    sources.home = directory_.path();
    sources.working_directory = directory_.path();
    sources.system_config_dir = path("etc");
  }

  std::string path(std::string_view relative) const { return join_path(directory_.path(), relative); }

  // Writes a file with the given mode and returns its path.
  std::string write(std::string_view relative, std::string_view text, unsigned mode = 0600) const {
    std::string const file = path(relative);
    REQUIRE(make_directories(parent_path(file)).has_value());
    REQUIRE(atomic_write_file(file, text, mode).has_value());
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    return file;
  }
  std::string write_config(std::string_view text, unsigned mode = 0600) const {
    return write(".config/b2backupd/config.json5", text, mode);
  }
  std::string write_openclaw(std::string_view text, unsigned mode = 0600) const {
    return write(".openclaw/openclaw.json", text, mode);
  }
  // openclaw.json with this text as the plugin's config object.
  std::string write_plugin(std::string_view settings) const {
    return write_openclaw(
        "{plugins: {entries: {'b2-backup': {enabled: true, config: " + std::string(settings) + "}}}}");
  }

  LoadedConfig load() const {
    auto loaded = load_config(sources);
    if (!loaded) FAIL(loaded.error().text());
    return std::move(*loaded);
  }
  Error fail() const {
    auto loaded = load_config(sources);
    REQUIRE_FALSE(loaded.has_value());
    return loaded.error();
  }

  ConfigSources sources;

 private:
  static TemporaryDirectory make() {
    auto directory = TemporaryDirectory::create("/tmp", "b2b-config-");
    REQUIRE(directory.has_value());
    return std::move(*directory);
  }
  TemporaryDirectory directory_;
};

inline ShownValue shown(LoadedConfig const& loaded, std::string_view key) {
  for (ShownValue const& row : loaded.shown)
    if (row.key == key) return row;
  FAIL("no row for " << key);
  return {};
}

inline bool any_contains(std::vector<std::string> const& lines, std::string_view part) {
  for (std::string const& line : lines)
    if (line.find(part) != std::string::npos) return true;
  return false;
}

}  // namespace b2b::test
