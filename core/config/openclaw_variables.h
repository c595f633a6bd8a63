// OpenClaw's variables, as its ${NAME} finds them. Highest first: the process environment, <stateDir>/.env,
// the `env` block of openclaw.json. What is set is never overridden.
// (https://docs.openclaw.ai/environment)
//
// Files are read when first asked for. One thread at a time; what the constructor is given outlives it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/config/dotenv.h"
#include "core/config/openclaw_config.h"

namespace b2b {

class OpenClawVariables {
 public:
  OpenClawVariables(ConfigSources const& sources, std::string const& state_dir, OpenClawConfig& config,
                    std::vector<std::string>& warnings);

  // nullopt when it is set nowhere, or to nothing. What cannot be read becomes a warning.
  std::optional<std::string> find(std::string_view name);

  std::string const& dotenv_path() const { return dotenv_path_; }

  // Once all is resolved: is the .env that gave us values open to others?
  void warn_if_open();

 private:
  void read_dotenv();
  std::optional<std::string> from_env_block(std::string_view name);

  ConfigSources const& sources_;
  std::string const dotenv_path_;
  OpenClawConfig& config_;
  std::vector<std::string>& warnings_;
  Dotenv dotenv_;
  unsigned dotenv_mode_ = 0;
  bool dotenv_read_ = false;
  bool used_dotenv_ = false;
};

}  // namespace b2b
