// daemonctl: the remote control of b2backupd, and with --direct its jobs in a process of their own.
#include <algorithm>
#include <cstdio>
#include <type_traits>

#include "core/util/encoding.h"
#include "core/util/log.h"
#include "daemon/control/process.h"
#include "daemon/control/verbs.h"
#include "daemon/keys/verbs.h"
#include "daemon/setup/setup.h"

namespace b2b::daemonctl {
namespace {

template <class... Kinds>
bool is_one_of(Verb const& verb) {
  return (std::holds_alternative<Kinds>(verb) || ...);
}

// In this process, daemon or not: what they ask for and show goes nowhere else.
bool is_about_keys(Verb const& verb) {
  return is_one_of<KeyListArguments, KeyAddArguments, KeyRemoveArguments, KeyRewrapArguments, KeyRecoveryArguments, KeyOpenArguments>(verb);
}

// config check and config show print the warnings themselves; a daemon has printed its own, and status repeats them.
bool prints_warnings(Arguments const& arguments) {
  if (is_one_of<ConfigCheckArguments, ConfigShowArguments>(arguments.verb)) return false;
  return arguments.direct || is_one_of<AcknowledgeKeyArguments>(arguments.verb) || is_about_keys(arguments.verb);
}

// A value for one run that the daemon, who does it, never hears of: nobody is to believe that another bucket was used.
std::string setting_without_effect(Arguments const& arguments) {
  bool const here = arguments.direct || is_about_keys(arguments.verb) ||
                    is_one_of<ConfigCheckArguments, ConfigShowArguments, AcknowledgeKeyArguments, SetupArguments>(arguments.verb);
  if (here) return {};
  for (auto const& [key, value] : arguments.settings)
    if (key != "stateDir" && key != "socket") return printable(key);
  return {};
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

int run(int argc, char** argv) {
  std::vector<std::string> const words(argv + 1, argv + argc);
  Parsed const parsed = parse_arguments(words);
  if (!parsed.run) {
    if (parsed.text_is_error && std::find(words.begin(), words.end(), "--json") != words.end())
      return Console(true, false).fail(make_error(Condition::usage, one_line(parsed.text)));
    std::fputs(parsed.text.c_str(), parsed.text_is_error ? stderr : stdout);
    return parsed.exit_code;
  }
  Arguments const& arguments = parsed.arguments;
  Console console(arguments.json, arguments.quiet);
  if (arguments.verbose) set_log_level(LogLevel::info);
  if (arguments.direct && is_one_of<StatusArguments, EventsArguments, MetricsArguments, NotifyArguments, CancelArguments>(arguments.verb))
    return console.fail(make_error(Condition::usage, arguments.verb_name + " asks the daemon", "Leave --direct out. What is in the store, without it: daemonctl --direct snapshots"));
  if (auto const ignored = setting_without_effect(arguments); !ignored.empty())
    return console.fail(make_error(Condition::usage, "--set " + ignored + " would have no effect: the daemon has its own configuration",
                                   "For this one command, without the daemon: the same with --direct. For good: in its configuration file"));
  std::stop_token const stop = control::stop_on_signals();

  ConfigSources sources = process_sources();
  sources.config_file = arguments.config_file;
  sources.profile = arguments.profile;
  for (auto const& [key, value] : arguments.settings) sources.command_line[key] = value;
  // Setup reads the configuration itself: there may be none yet.
  if (auto const* const wanted = std::get_if<SetupArguments>(&arguments.verb))
    return console.end(setup::run(arguments, *wanted, console, std::move(sources), system_clock(), stop));
  auto loaded = load_config(sources);
  if (!loaded) return console.fail(loaded.error());
  if (prints_warnings(arguments))
    for (std::string const& warning : loaded->warnings) console.warn(warning);
  Session session{arguments, console, *loaded, system_clock(), stop, nullptr};
  session.jobs = arguments.direct ? direct_jobs(session) : remote_jobs(session);
  auto const run_it = [&](auto const& verb) {
    if constexpr (std::is_same_v<std::decay_t<decltype(verb)>, SetupArguments>) return 0;  // done above
    else return run_verb(session, verb);
  };
  return console.end(std::visit(run_it, arguments.verb));
}

}  // namespace
}  // namespace b2b::daemonctl

int main(int argc, char** argv) {
  b2b::control::harden_process();
  return b2b::daemonctl::run(argc, argv);
}
