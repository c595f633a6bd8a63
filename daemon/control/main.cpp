// daemonctl: the remote control of b2backupd, and with --direct its jobs in a process of their own.
#include <cstdio>

#include "core/util/log.h"
#include "daemon/control/process.h"
#include "daemon/control/verbs.h"

namespace b2b::daemonctl {
namespace {

bool needs_daemon(Arguments const& arguments) {
  bool const local = std::holds_alternative<ConfigCheckArguments>(arguments.verb) ||
                     std::holds_alternative<ConfigShowArguments>(arguments.verb) ||
                     std::holds_alternative<AcknowledgeKeyArguments>(arguments.verb);
  return !arguments.direct && !local;
}

int run(int argc, char** argv) {
  Parsed const parsed = parse_arguments(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.run) {
    std::fputs(parsed.text.c_str(), parsed.text_is_error ? stderr : stdout);
    return parsed.exit_code;
  }
  Arguments const& arguments = parsed.arguments;
  Console console(arguments.json, arguments.quiet);
  if (arguments.verbose) set_log_level(LogLevel::info);
  if (needs_daemon(arguments))
    return console.fail(make_error(Condition::unreachable, "this version has no daemon to ask",
                                   "Run the job in this process instead: daemonctl --direct " + arguments.verb_name));
  std::stop_token const stop = control::stop_on_signals();

  ConfigSources sources = process_sources();
  sources.config_file = arguments.config_file;
  for (auto const& [key, value] : arguments.settings) sources.command_line[key] = value;
  auto loaded = load_config(sources);
  if (!loaded) return console.fail(loaded.error());
  if (!std::holds_alternative<ConfigShowArguments>(arguments.verb) &&
      !std::holds_alternative<ConfigCheckArguments>(arguments.verb)) {
    for (std::string const& warning : loaded->warnings) console.warn(warning);
  }
  Session session{arguments, console, *loaded, system_clock(), stop, nullptr};
  session.jobs = direct_jobs(session);
  return std::visit([&](auto const& verb) { return run_verb(session, verb); }, arguments.verb);
}

}  // namespace
}  // namespace b2b::daemonctl

int main(int argc, char** argv) {
  b2b::control::harden_process();
  return b2b::daemonctl::run(argc, argv);
}
