// `daemonctl setup`: the guided first set-up, from finding the state directory to a backup that was restored
// and compared.
//
// What it decides is in files of its own (typed, key_judgement, passphrase, config_text, recovery_note,
// find_states); here are the steps, in this order, and what they share. Nothing is written before
// write_configuration(); what goes wrong afterwards leaves the configuration, so that setup can be run again.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "core/config/config.h"
#include "daemon/control/arguments.h"
#include "daemon/control/console.h"
#include "daemon/setup/asker.h"
#include "daemon/setup/find_states.h"

namespace b2b::setup {

using daemonctl::Arguments;
using daemonctl::Console;
using daemonctl::SetupArguments;

struct Conversation {
  // Given.
  Arguments const& arguments;
  SetupArguments const& options;
  Console& console;
  Asker& asker;
  ConfigSources sources;
  Clock& clock;
  std::stop_token stop;
  bool stdout_is_terminal = false;
  std::string own_program{};  // this program's path, to name the daemon beside it; may be empty
  std::string b2_api_url = Config{}.b2_api_url;  // another one in tests only

  // choose_state()
  StateDirectory state{};
  bool state_was_named = false;  // by --state-dir or --profile
  // read_what_is_there()
  LoadedConfig loaded{};      // as this shell sees it
  std::string config_path{};  // where the file is, or will be
  bool config_exists = false;
  // ask_for_store(), ask_for_encryption(): what is to be in force
  Config wanted{};
  std::string found_endpoint{};   // what B2 said
  std::string key_name_prefix{};  // what B2 said: the key is only for names that begin so; empty: any
  bool new_passphrase = false;    // made here
  // write_configuration()
  bool written = false;
  bool unchanged = false;   // the file said all of this already
  LoadedConfig in_force{};  // as the daemon will see it
  // prove()
  bool incomplete = false;

  boost::json::object answer{};  // of --json
};

// The steps. cancelled at any question that is not answered.
Result<void> choose_state(Conversation& talk);
Result<void> read_what_is_there(Conversation& talk);
Result<void> ask_for_store(Conversation& talk);
Result<void> look_for_others(Conversation& talk);
Result<void> ask_for_encryption(Conversation& talk);
Result<void> write_configuration(Conversation& talk);
Result<void> prove(Conversation& talk);
Result<void> offer_service(Conversation& talk);

// All of them. Returns the exit code.
int run(Conversation& talk);
// For daemonctl: with this process's terminal and surroundings.
int run(Arguments const& arguments, SetupArguments const& options, Console& console, ConfigSources sources,
        Clock& clock, std::stop_token stop);

// Where a value of talk.loaded comes from, for a person: "found in openclaw.json"; empty when it is not set.
std::string where_from(LoadedConfig const& loaded, std::string_view key);
// Pure.
std::string where_from_words(std::string_view source);
// The surroundings of the service: without what only this shell has set.
ConfigSources service_sources(Conversation const& talk);
// Does a daemon run for the state directory?
bool daemon_answers(Conversation const& talk);
// A warning, in the text and in the answer.
void warn(Conversation& talk, std::string const& text);

}  // namespace b2b::setup
