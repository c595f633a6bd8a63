#include "core/config/openclaw_variables.h"

#include "core/config/config_file.h"
#include "core/config/sources.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::uint64_t dotenv_bytes_max = 1ull << 20;

}  // namespace

OpenClawVariables::OpenClawVariables(ConfigSources const& sources, std::string const& state_dir,
                                     OpenClawConfig& config, std::vector<std::string>& warnings)
    : sources_(sources), dotenv_path_(join_path(state_dir, ".env")), config_(config), warnings_(warnings) {}

std::optional<std::string> OpenClawVariables::find(std::string_view name) {
  if (std::string_view const value = variable(sources_, name); !value.empty()) return std::string(value);
  read_dotenv();
  if (auto const found = dotenv_.values.find(name); found != dotenv_.values.end() && !found->second.empty()) {
    used_dotenv_ = true;
    return found->second;
  }
  return from_env_block(name);
}

void OpenClawVariables::warn_if_open() {
  if (!used_dotenv_) return;
  if (auto warning = open_secrets_warning(dotenv_path_, dotenv_mode_, "secrets"))
    warnings_.push_back(*warning);
}

void OpenClawVariables::read_dotenv() {
  if (dotenv_read_) return;
  dotenv_read_ = true;
  auto const file = read_config_file(dotenv_path_, dotenv_bytes_max, "read OpenClaw's variables in");
  if (!file && file.error().condition == Condition::not_found) return;
  if (!file) {
    warnings_.push_back(file.error().text());
    return;
  }
  dotenv_ = parse_dotenv(file->text);
  dotenv_mode_ = file->mode;
}

// env: {NAME: "value"} or env: {vars: {NAME: "value"}}
std::optional<std::string> OpenClawVariables::from_env_block(std::string_view name) {
  for (bool const in_vars : {true, false}) {
    auto const value = in_vars ? config_.at({"env", "vars", name}) : config_.at({"env", name});
    if (!value) {
      warnings_.push_back(value.error().text());
      return std::nullopt;
    }
    if (*value && (*value)->is_string() && !(*value)->get_string().empty())
      return std::string((*value)->get_string());
  }
  return std::nullopt;
}

}  // namespace b2b
