// The layers that come with the process: command line, environment, systemd credentials, built-in defaults.
#pragma once

#include <string>
#include <string_view>

#include "core/config/config.h"
#include "core/config/layer.h"

namespace b2b {

// The value of a variable; empty when it is not set or empty, which is the same here.
std::string_view variable(ConfigSources const& sources, std::string_view name);

// The home directory as OpenClaw takes it: $OPENCLAW_HOME when that is set, else the user's.
std::string openclaw_home(ConfigSources const& sources);

Result<Layer> command_line_layer(ConfigSources const& sources);  // usage for an unknown key or a wrong value
Result<Layer> environment_layer(ConfigSources const& sources);   // bad_config, naming the variable

// $CREDENTIALS_DIRECTORY/{keyId,applicationKey,encryptionKey}, as systemd's LoadCredential= provides them.
// One line break at the end is ignored. A credential that is not there is not set.
Result<Layer> credentials_layer(ConfigSources const& sources);

// stateDir and dataDir. `profile`: of the configuration file, empty for none.
Layer defaults_layer(ConfigSources const& sources, std::string_view profile);

}  // namespace b2b
