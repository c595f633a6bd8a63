// daemonctl: the remote control of b2backupd, and with --direct its jobs in a process of their own.
#include <cstdio>

#include "core/util/log.h"
#include "daemon/control/process.h"
#include "daemon/control/verbs.h"

namespace b2b::daemonctl {
namespace {

template <class... Kinds>
bool is_one_of(Verb const& verb) {
  return (std::holds_alternative<Kinds>(verb) || ...);
}

// config check and config show print the warnings themselves; a daemon has printed its own, and status repeats them.
bool prints_warnings(Arguments const& arguments) {
  if (is_one_of<ConfigCheckArguments, ConfigShowArguments>(arguments.verb)) return false;
  return arguments.direct || is_one_of<AcknowledgeKeyArguments>(arguments.verb);
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
  if (arguments.direct && is_one_of<StatusArguments, EventsArguments, MetricsArguments, NotifyArguments>(arguments.verb))
    return console.fail(make_error(Condition::usage, arguments.verb_name + " asks the daemon", "Leave --direct out"));
  std::stop_token const stop = control::stop_on_signals();

  ConfigSources sources = process_sources();
  sources.config_file = arguments.config_file;
  sources.profile = arguments.profile;
  for (auto const& [key, value] : arguments.settings) sources.command_line[key] = value;
  auto loaded = load_config(sources);
  if (!loaded) return console.fail(loaded.error());
  if (prints_warnings(arguments))
    for (std::string const& warning : loaded->warnings) console.warn(warning);
  Session session{arguments, console, *loaded, system_clock(), stop, nullptr};
  session.jobs = arguments.direct ? direct_jobs(session) : remote_jobs(session);
  return std::visit([&](auto const& verb) { return run_verb(session, verb); }, arguments.verb);
}

}  // namespace
}  // namespace b2b::daemonctl

int main(int argc, char** argv) {
  b2b::control::harden_process();
  return b2b::daemonctl::run(argc, argv);
}
