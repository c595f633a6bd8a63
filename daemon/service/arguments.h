// The command line of b2backupd, as plain data.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/util/log.h"

namespace CLI {
class App;
}

namespace b2b::service {

struct Arguments {
  std::string config_file;
  std::string profile;
  std::vector<std::pair<std::string, std::string>> settings;  // --state-dir and --set KEY=VALUE
  LogSettings log;
  bool verbose = false;
};

// What parsing came to: arguments to act on, or text to print and the exit code to end with (help, version, a mistake).
struct Parsed {
  bool run = false;
  Arguments arguments;
  std::string text;
  bool text_is_error = false;
  int exit_code = 0;
};
Parsed parse_arguments(std::vector<std::string> words);
// Shows the definition that parse_arguments() goes by, for pages and completions (daemon/pages). It lives as long as the call.
void with_command_line(std::function<void(CLI::App const&)> const& look);

}  // namespace b2b::service
