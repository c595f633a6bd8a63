// The first steps: whose backup, and what is configured already.
#include <cerrno>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "core/config/config_file.h"
#include "core/config/own_file.h"
#include "core/config/sources.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/trial.h"

namespace b2b::setup {
namespace {

Error none_found(Conversation const& talk) {
  std::string const home = openclaw_home(talk.sources);
  return make_error(
      Condition::not_found,
      "no OpenClaw state directory was found: there is neither " + printable(home) +
          "/.openclaw nor one of a profile",
      "Start OpenClaw once (openclaw onboard), or say where it keeps its files: daemonctl setup --state-dir "
      "DIR. To bring a "
      "backup back on a new machine, follow your recovery note (daemonctl --direct restore latest)");
}

std::string title(StateDirectory const& state) {
  std::string out = printable(state.path);
  if (!state.profile.empty()) out += "  (profile " + state.profile + ")";
  if (!state.found.empty()) out += "  (" + state.found + ")";
  return out;
}

// --profile and --state-dir. nullopt: neither was given.
Result<std::optional<StateDirectory>> named_state(Conversation const& talk) {
  StateDirectory state;
  if (auto const set = talk.sources.command_line.find("stateDir"); set != talk.sources.command_line.end()) {
    state.path = expand_path(set->second, talk.sources.working_directory, talk.sources.home);
    state.profile = profile_of_state_dir(state.path, openclaw_home(talk.sources));
  } else if (!talk.sources.profile.empty()) {
    B2B_TRY(check_profile(talk.sources.profile));
    if (talk.sources.profile != "default") state.profile = talk.sources.profile;
    state.path = join_path(openclaw_home(talk.sources), ".openclaw") +
                 (state.profile.empty() ? "" : "-" + state.profile);
  } else {
    return std::optional<StateDirectory>();
  }
  struct stat status {};
  if (::stat(state.path.c_str(), &status) != 0)
    return errno_error(errno, "find the state directory", state.path);
  if (!S_ISDIR(status.st_mode))
    return make_error(Condition::usage, printable(state.path) + " is not a directory",
                      "Name the directory that holds openclaw.json");
  state.contents = look_into(state.path);
  return std::optional<StateDirectory>(std::move(state));
}

// What an earlier configuration file backs up, wherever that is, comes first.
void add_configured(Conversation const& talk, std::vector<StateDirectory>& states) {
  ConfigSources sources = talk.sources;
  sources.environment.erase("OPENCLAW_STATE_DIR");
  auto const loaded = load_config(sources);  // what is wrong in it is said later
  if (!loaded) return;
  std::string const from = where_from(*loaded, "stateDir");
  StateDirectory state;
  state.path = loaded->config.state_dir;
  for (StateDirectory const& known : states)
    if (known.path == state.path) return;
  std::error_code failed;
  if (from.empty() || !std::filesystem::is_directory(state.path, failed)) return;
  state.found = loaded->files.empty() ? from : loaded->files.front();
  state.contents = look_into(state.path);
  states.insert(states.begin(), std::move(state));
}

Result<StateDirectory> found_state(Conversation& talk) {
  std::vector<StateDirectory> states = find_states(talk.sources);
  add_configured(talk, states);
  if (states.empty()) return none_found(talk);
  if (states.size() == 1 || !states.front().found.empty())
    if (!talk.asker.is_there() || states.size() == 1) return std::move(states.front());
  if (!talk.asker.is_there()) {
    std::string names;
    for (StateDirectory const& state : states)
      names += (names.empty() ? "" : ", ") + printable(state.path);
    return make_error(Condition::usage, "there is more than one state directory: " + names,
                      "Say which one with --profile NAME (--profile default for " +
                          printable(states.front().path) + ") or --state-dir DIR, and run setup for each");
  }
  talk.console.line("There is more than one OpenClaw here:");
  for (std::size_t i = 0; i < states.size(); ++i) {
    talk.console.line("  " + std::to_string(i + 1) + ") " + title(states[i]));
    talk.console.line("     " + describe(states[i].contents));
  }
  B2B_ASSIGN(
      std::size_t const chosen,
      choose(talk.asker, "Which one shall be backed up? (Run setup again for another.)", states.size()));
  return std::move(states[chosen]);
}

Result<void> check_owner(StateDirectory const& state) {
  struct stat status {};
  if (::stat(state.path.c_str(), &status) != 0)
    return errno_error(errno, "look at the state directory", state.path);
  if (status.st_uid == ::geteuid()) return {};
  return make_error(
      Condition::refused,
      printable(state.path) + " belongs to another user (number " + std::to_string(status.st_uid) + ")",
      "Run setup as that user: sudo -u '#" + std::to_string(status.st_uid) + "' -i daemonctl setup");
}

// The nearest folder that is there must be one that we may write to: told now, and not after all the
// questions.
Result<void> check_writable(std::string const& config_path) {
  std::string folder = parent_path(config_path);
  while (!folder.empty() && !path_exists(folder))
    folder = parent_path(folder);
  if (folder.empty()) folder = "/";
  std::error_code failed;
  int const problem = !std::filesystem::is_directory(folder, failed) ? ENOTDIR
                      : ::access(folder.c_str(), W_OK | X_OK) == 0   ? 0
                                                                     : errno;
  if (problem == 0) return {};
  Error error = errno_error(problem, "write the configuration into", folder);
  error.advice = "See whose it is (ls -ld " + folder +
                 ") and make it yours, or put the file elsewhere: daemonctl setup --config FILE";
  return error;
}

// A file named with --config that is not there yet is as good as an empty one of that name.
Result<LoadedConfig> load_there(Conversation const& talk) {
  ConfigSources sources = talk.sources;
  if (sources.config_file.empty() || talk.config_exists) return load_config(sources);
  B2B_ASSIGN(TemporaryDirectory const scratch,
             TemporaryDirectory::create(scratch_parent(sources), "b2backupd-setup-"));
  sources.config_file = join_path(scratch.path(), base_name(talk.config_path));
  B2B_TRY(atomic_write_file(sources.config_file, "{}\n"));
  return load_config(sources);
}

}  // namespace

Result<void> choose_state(Conversation& talk) {
  talk.console.line("");
  talk.console.line("What is backed up");
  B2B_ASSIGN(auto named, named_state(talk));
  talk.state_was_named = named.has_value();
  if (named) {
    talk.state = std::move(*named);
  } else {
    B2B_ASSIGN(talk.state, found_state(talk));
  }
  StateContents const& contents = talk.state.contents;
  talk.console.line("  " + title(talk.state) + ": " + describe(contents));
  B2B_TRY(check_owner(talk.state));
  if (!contents.problem.empty())
    return make_error(Condition::permission,
                      printable(talk.state.path) + " cannot be read: " + contents.problem);
  if (is_empty(contents) && !talk.options.no_test) {
    Error nothing = make_error(
        Condition::refused, printable(talk.state.path) + " is empty: there is nothing to back up yet",
        "Start OpenClaw once and run setup again, or set up without a test (--no-test)");
    if (!talk.asker.is_there()) return nothing;
    talk.console.line("  There is nothing in it to back up yet, so nothing can be tested.");
    B2B_ASSIGN(bool const go_on, confirm(talk.asker, "Set it up all the same, without the test?", false));
    if (!go_on) return nothing;
  }
  // From here on the configuration is that of the chosen one, whatever this shell says.
  bool const from_environment =
      !talk.state_was_named && talk.state.found == "OPENCLAW_STATE_DIR" && talk.state.profile.empty();
  if (!from_environment) talk.sources.environment.erase("OPENCLAW_STATE_DIR");
  if (!talk.state.profile.empty()) talk.sources.profile = talk.state.profile;
  talk.answer["stateDir"] = printable(talk.state.path);
  if (!talk.state.profile.empty()) talk.answer["profile"] = talk.state.profile;
  return {};
}

Result<void> read_what_is_there(Conversation& talk) {
  ConfigSources& sources = talk.sources;
  if (!sources.config_file.empty()) {
    talk.config_path = expand_path(sources.config_file, sources.working_directory, sources.home);
  } else {
    auto const places = config_file_places(sources, talk.state.profile);
    talk.config_path = places.front();
    for (std::string const& place : places) {
      if (!path_exists(place)) continue;
      talk.config_path = place;
      break;
    }
  }
  talk.config_exists = path_exists(talk.config_path);
  B2B_TRY(check_writable(talk.config_path));
  auto loaded = load_there(talk);
  if (!loaded) {
    Error error = std::move(loaded).error();
    bool const not_ours = error.subject == join_path(talk.state.path, "openclaw.json");
    if (talk.config_exists && !not_ours && error.condition == Condition::bad_config)
      error.advice += std::string(error.advice.empty() ? "" : ". ") + "Correct that, or begin anew: mv " +
                      talk.config_path + " " + talk.config_path + ".old";
    return error;
  }
  talk.loaded = std::move(*loaded);
  for (std::string const& warning : talk.loaded.warnings)
    warn(talk, warning);
  std::string const configured = talk.loaded.config.state_dir;
  if (configured != talk.state.path) {
    // The file's own word on what it backs up is not changed by the way.
    bool other = talk.state_was_named && talk.options.yes;
    if (talk.asker.is_there()) {
      talk.console.line("  " + printable(talk.config_path) + " backs up " + printable(configured) +
                        " so far.");
      B2B_ASSIGN(other, confirm(talk.asker, "Back up " + printable(talk.state.path) + " instead?",
                                talk.state_was_named));
    }
    if (!other)
      return make_error(Condition::refused,
                        printable(talk.config_path) + " is for " + printable(configured) + ", not for " +
                            printable(talk.state.path),
                        "Give this one a configuration of its own: daemonctl setup --state-dir " +
                            printable(talk.state.path) + " --config FILE");
  }
  talk.wanted = talk.loaded.config;
  talk.wanted.state_dir = talk.state.path;
  talk.wanted.b2_api_url = talk.b2_api_url;
  talk.answer["config"] = printable(talk.config_path);
  return {};
}

}  // namespace b2b::setup
