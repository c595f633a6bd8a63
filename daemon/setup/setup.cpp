#include "daemon/setup/setup.h"

#include <array>
#include <filesystem>

#include <unistd.h>

#include "core/config/schema.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b::setup {
namespace {

namespace json = boost::json;

Error nobody_to_ask(Console const& console) {
  return make_error(
      Condition::refused,
      std::string("setup asks questions, and ") +
          (console.json() ? "--json leaves nobody to answer them" : "there is no terminal to ask them on") +
          "; nothing was changed",
      "daemonctl setup --yes asks nothing: give --key-id ID, --bucket NAME, the application key with "
      "--key-file FILE or in the "
      "environment as B2_APPLICATION_KEY (what openclaw.json or a configuration file says already can be "
      "left out), --encrypt or "
      "--no-encrypt, and where you want them --state-dir DIR or --profile NAME, --endpoint ADDRESS, --prefix "
      "FOLDER, --no-test, "
      "--no-service, --no-linger");
}

// Settings that setup itself writes may be given with --set; others would be lost.
Result<void> check_settings(Arguments const& arguments) {
  for (auto const& [key, value] : arguments.settings)
    if (key != "stateDir" && key != "region" && key != "caFile" && key != "prefix" && key != "endpoint" &&
        key != "bucket")
      return make_error(Condition::usage, "setup does not take --set " + printable(key),
                        "Write it into the configuration file afterwards: setup keeps what it finds there");
  return {};
}

std::string own_program_path() {
  std::error_code failed;
  std::string const path = std::filesystem::read_symlink("/proc/self/exe", failed).string();
  return failed ? std::string() : path;
}

void say_good_bye(Conversation& talk) {
  Console& console = talk.console;
  console.line("");
  console.line(talk.incomplete ? "Set up. Some files could not be backed up: see above." : "All set.");
  console.line("  Configuration:  " + printable(talk.config_path));
  std::string const profile = talk.state.profile.empty() ? "" : " --profile " + talk.state.profile;
  json::value const* const service = talk.answer.if_contains("service");
  bool const runs = service != nullptr && (*service == "running" || *service == "other");
  if (!runs) console.line("  What is next:   start the daemon as said above; then");
  console.line(std::string(runs ? "  What is next:   " : "                  ") + "daemonctl" + profile +
               " status      how the backups are");
  console.line("                  daemonctl" + profile + " snapshots   what is there to go back to");
  if (!talk.wanted.encryption_key.empty() && talk.wanted.encrypt) return;
  if (talk.wanted.encrypt)
    console.line("  Put the application key away safely: without it the backups cannot be read.");
}

}  // namespace

std::string where_from_words(std::string_view source) {
  if (source.empty() || source == "not set" || source == "default" || source.starts_with("default of"))
    return {};
  if (source == "command line") return "from the command line";
  if (source.starts_with("option ")) return "from the " + std::string(source);
  if (source.starts_with("environment (")) return "from the environment" + std::string(source.substr(11));
  if (source.starts_with("systemd credential")) return "from the " + std::string(source);
  for (std::string_view const key : {"applicationKeyFile ", "encryptionKeyFile "})
    if (source.starts_with(key)) return "found in " + printable(source.substr(key.size()));
  return "found in " + printable(source);
}

std::string where_from(LoadedConfig const& loaded, std::string_view key) {
  for (ShownValue const& value : loaded.shown)
    if (value.key == key) return where_from_words(value.source);
  return {};
}

ConfigSources service_sources(Conversation const& talk) {
  ConfigSources sources = talk.sources;
  for (KeySpec const& key : key_table())
    if (!key.environment.empty()) sources.environment.erase(std::string(key.environment));
  sources.command_line.clear();
  sources.config_file = talk.config_path;
  return sources;
}

void warn(Conversation& talk, std::string const& text) {
  if (!talk.console.json()) talk.console.warn(text);
  auto& warnings = talk.answer["warnings"];
  if (!warnings.is_array()) warnings.emplace_array();
  warnings.get_array().emplace_back(printable(text));
}

int run(Conversation& talk) {
  Console& console = talk.console;
  if (!talk.options.yes && !talk.asker.is_there()) return console.fail(nobody_to_ask(console));
  if (auto fine = check_settings(talk.arguments); !fine) return console.fail(fine.error());
  console.line(
      "This sets up the backup of your OpenClaw agent. It writes nothing before it has checked your answers, "
      "and Ctrl-C");
  console.line("ends it at any question. It can be run again at any time.");
  constexpr std::array steps = {choose_state,       read_what_is_there,  ask_for_store, look_for_others,
                                ask_for_encryption, write_configuration, prove,         offer_service};
  for (auto const step : steps) {
    Result<void> done = talk.stop.stop_requested()
                            ? Result<void>(make_error(Condition::cancelled, "interrupted"))
                            : step(talk);
    if (done) continue;
    Error error = std::move(done).error();
    std::string const after = talk.written ? "The configuration stays in " + printable(talk.config_path) +
                                                 ": run daemonctl setup again when you like"
                                           : "Nothing was changed";
    if (error.condition == Condition::cancelled || error.advice.empty()) {
      error.advice = after;
    } else {
      error.advice += ". " + after;
    }
    return console.fail(error);
  }
  say_good_bye(talk);
  return console.succeed(std::move(talk.answer), talk.incomplete ? 3 : 0);
}

int run(Arguments const& arguments, SetupArguments const& options, Console& console, ConfigSources sources,
        Clock& clock, std::stop_token stop) {
  bool const out = ::isatty(STDOUT_FILENO) == 1;
  auto const asker = terminal_asker(!options.yes && console.can_ask() && out, stop);
  Conversation talk{arguments, options, console, *asker, std::move(sources), clock, std::move(stop)};
  talk.stdout_is_terminal = out;
  talk.own_program = own_program_path();
  return run(talk);
}

}  // namespace b2b::setup
