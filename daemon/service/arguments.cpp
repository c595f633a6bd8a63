#include "daemon/service/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/util/encoding.h"
#include "core/util/nearest.h"
#include "daemon/jobs/library_versions.h"

namespace b2b::service {
namespace {

Parsed answer(std::string text, int exit_code) {
  Parsed parsed;
  parsed.text = std::move(text);
  parsed.text_is_error = exit_code != 0;
  parsed.exit_code = exit_code;
  return parsed;
}

std::string what_is_wrong(CLI::App const& app, CLI::ParseError const& error) {
  auto const extra = app.remaining();
  auto const option = std::find_if(extra.begin(), extra.end(), [](std::string const& word) { return word.starts_with('-'); });
  if (option == extra.end())
    return extra.empty() ? std::string(error.what())
                         : "b2backupd is the daemon itself, and takes no \"" + printable(extra.front()) + "\". To ask it something: daemonctl";
  std::vector<std::string> names;
  for (CLI::Option const* known : app.get_options())
    for (std::string const& name : known->get_lnames()) names.push_back("--" + name);
  std::string const meant = nearest_word(option->substr(0, option->find('=')), names);
  return "b2backupd has no option " + printable(*option) + "." + (meant.empty() ? "" : " Did you mean " + meant + "?");
}

// What CLI11 writes into while it parses.
struct Options {
  Arguments arguments;
  std::string state_dir;
  std::string format = "text";
  std::vector<std::string> settings;
};

constexpr char const* what_it_is =
    "Backs up an OpenClaw agent to Backblaze B2 by itself: on its schedule, before compactions, when the gateway "
    "stops. Runs in the foreground; daemonctl talks to it.";

void define(CLI::App& app, Options& options) {
  app.set_version_flag("--version", [] { return "b2backupd " B2B_VERSION "\n" + jobs::library_versions(); });
  app.footer("SIGTERM ends it in order, SIGHUP reads the configuration again.\n"
             "Exit codes: 0 ended in order, 1 failed, 64 usage, 65 bad configuration, 77 refused.");
  app.add_option("--config", options.arguments.config_file, "Configuration file")->type_name("FILE");
  app.add_option("--profile", options.arguments.profile, "OpenClaw's profile: ~/.openclaw-NAME and config-NAME.json5")->type_name("NAME");
  app.add_option("--state-dir", options.state_dir, "OpenClaw's state directory")->type_name("DIR");
  app.add_option("--set", options.settings, "A configuration value for this run, for example prefix=test")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->expected(1);
  app.add_option("--log-format", options.format, "text or json")->check(CLI::IsMember({"text", "json"}))->type_name("FORMAT");
  app.add_option("--log-file", options.arguments.log.file, "Write the log there, and rotate it, instead of stderr")->type_name("FILE");
  app.add_flag("--verbose,-v", options.arguments.verbose, "Say what is done, not only what went wrong");
}

}  // namespace

void with_command_line(std::function<void(CLI::App const&)> const& look) {
  CLI::App app(what_it_is, "b2backupd");
  Options options;
  define(app, options);
  look(app);
}

Parsed parse_arguments(std::vector<std::string> words) {
  CLI::App app(what_it_is, "b2backupd");
  Options options;
  define(app, options);
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (CLI::CallForHelp const&) {
    return answer(app.help(), 0);
  } catch (CLI::CallForVersion const& version) {
    return answer(std::string(version.what()) + "\n", 0);
  } catch (CLI::ParseError const& error) {
    return answer(what_is_wrong(app, error) + "\nb2backupd --help shows what it takes.\n", 64);
  }
  Arguments& arguments = options.arguments;
  arguments.log.format = options.format == "json" ? LogFormat::json : LogFormat::text;
  if (!options.state_dir.empty()) arguments.settings.emplace_back("stateDir", options.state_dir);
  for (std::string const& setting : options.settings) {
    auto const equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) return answer("--set takes KEY=VALUE, not " + setting + "\n", 64);
    arguments.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  Parsed parsed;
  parsed.run = true;
  parsed.arguments = std::move(arguments);
  return parsed;
}

}  // namespace b2b::service
