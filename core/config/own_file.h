// The program's own configuration file (config.json5): where it is, and what it says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/config/layer.h"

namespace b2b {

// usage unless it is 1 to 64 letters, digits, '-' and '_', as OpenClaw's --profile takes.
Result<void> check_profile(std::string_view name);
// The profile P of a state directory ~/.openclaw-P; empty for any other.
std::string profile_of_state_dir(std::string_view state_dir, std::string_view home);
// The profile P of a file config-P.json5; empty for any other.
std::string profile_of_config_file(std::string_view path);

// The places in which the file is looked for, first one first: $XDG_CONFIG_HOME/b2backupd,
// ~/.config/b2backupd, /etc/b2backupd. A profile has its own file there and never shares the default one.
std::vector<std::string> config_file_places(ConfigSources const& sources, std::string_view profile);

struct OwnFile {
  std::string path;  // empty: there is none
  Layer values;      // paths made absolute, relative ones from the file's folder
  std::vector<std::string> warnings;
};

// Reads sources.config_file, or the first place that has a file. Errors: bad_config for a malformed file, an
// unknown key, a wrong value, a file named by --config that does not exist, or a symbolic link to nothing;
// permission when it may not be read.
Result<OwnFile> read_own_file(ConfigSources const& sources, std::string_view profile);

// Reads applicationKeyFile and encryptionKeyFile where a layer has them and no layer above has the key
// itself, and adds the secret to that layer. `layers`: highest first.
Result<void> read_key_files(std::span<Layer* const> layers, std::vector<std::string>& warnings);

}  // namespace b2b
