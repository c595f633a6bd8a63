// b2backupd: the daemon. Foreground; systemd, launchd or the Windows service manager starts it.
#include <unistd.h>

#include <cstdio>

#include "core/util/log.h"
#include "core/util/service_manager.h"
#include "daemon/control/process.h"
#include "daemon/jobs/check_service.h"
#include "daemon/service/arguments.h"
#include "daemon/service/service.h"

namespace b2b::service {
namespace {

int fail(Error const& error) {
  log_error(error.text());
  return exit_code_of(error.condition);
}

int run(int argc, char** argv) {
  ServiceManager manager(take_service_environment(), ::getpid());
  Parsed const parsed = parse_arguments(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.run) {
    std::fputs(parsed.text.c_str(), parsed.text_is_error ? stderr : stdout);
    return parsed.exit_code;
  }
  Arguments const& arguments = parsed.arguments;
  if (arguments.verbose) set_log_level(LogLevel::info);
  if (auto const configured = configure_log(arguments.log, system_clock()); !configured) return fail(configured.error());
  ConfigSources sources = process_sources();
  sources.config_file = arguments.config_file;
  sources.profile = arguments.profile;
  for (auto const& [key, value] : arguments.settings) sources.command_line[key] = value;
  auto loaded = load_config(sources);
  if (!loaded) return fail(loaded.error());
  if (auto const fine = jobs::check_service(*loaded); !fine) return fail(fine.error());
  for (std::string const& warning : loaded->warnings) log_warning(warning);
  if (auto const complete = require_store(loaded->config); !complete) return fail(complete.error());
  Service service(std::move(*loaded), std::move(sources), system_clock(), manager);
  if (auto const ended = service.run(); !ended) return fail(ended.error());
  return 0;
}

}  // namespace
}  // namespace b2b::service

int main(int argc, char** argv) {
  b2b::control::harden_process();
  return b2b::service::run(argc, argv);
}
