#include "daemon/control/usage_text.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/util/encoding.h"
#include "core/util/nearest.h"

namespace b2b::daemonctl {
namespace {

// What other programs call it.
struct OtherName {
  std::string_view written;
  std::string_view advice;
};
constexpr std::array<OtherName, 22> other_names{{{"backup", "To back up now: daemonctl push"},
                                                 {"save", "To back up now: daemonctl push"},
                                                 {"upload", "To back up now: daemonctl push"},
                                                 {"list", "The snapshots: daemonctl snapshots. What is in one: daemonctl ls latest"},
                                                 {"show", "How the backups are: daemonctl status. What is in one: daemonctl ls latest"},
                                                 {"undo", "To bring a snapshot back: daemonctl restore"},
                                                 {"rollback", "To bring a snapshot back: daemonctl restore"},
                                                 {"recover", "To bring a snapshot back: daemonctl restore"},
                                                 {"download", "To bring a snapshot back: daemonctl restore"},
                                                 {"pull", "To bring a snapshot back: daemonctl restore"},
                                                 {"check", "The configuration: daemonctl config check. The snapshots: daemonctl verify"},
                                                 {"test", "The configuration: daemonctl config check. The snapshots: daemonctl verify"},
                                                 {"delete", "Old snapshots go by themselves; to see which: daemonctl prune --dry-run. A file in all of them: daemonctl forget --path"},
                                                 {"remove", "Old snapshots go by themselves; to see which: daemonctl prune --dry-run. A file in all of them: daemonctl forget --path"},
                                                 {"keep", "To keep a snapshot from being pruned: daemonctl pin"},
                                                 {"unpin", "To let a snapshot be pruned again: daemonctl pin SNAPSHOT --remove"},
                                                 {"init", "To set the backup up: daemonctl setup"},
                                                 {"install", "To set the backup up: daemonctl setup"},
                                                 {"log", "The daemon's log: journalctl --user -u b2backupd. What happens now: daemonctl events"},
                                                 {"logs", "The daemon's log: journalctl --user -u b2backupd. What happens now: daemonctl events"},
                                                 {"start", "To start the daemon: systemctl --user start b2backupd"},
                                                 {"stop", "To stop the daemon: systemctl --user stop b2backupd"}}};

CLI::App const& innermost(CLI::App const& app) {
  CLI::App const* shown = &app;
  while (!shown->get_subcommands().empty()) shown = shown->get_subcommands().front();
  return *shown;
}

// "daemonctl config check"
std::string command_of(CLI::App const& verb) {
  return verb.get_parent() == nullptr ? verb.get_name() : command_of(*verb.get_parent()) + " " + verb.get_name();
}

std::vector<std::string> verbs_of(CLI::App const& app) {
  std::vector<std::string> out;
  for (CLI::App const* verb : app.get_subcommands([](CLI::App const*) { return true; })) out.push_back(verb->get_name());
  return out;
}

// Those of the verb and of everything around it, which it takes too.
std::vector<std::string> options_of(CLI::App const& verb) {
  std::vector<std::string> out;
  for (CLI::App const* app = &verb; app != nullptr; app = app->get_parent())
    for (CLI::Option const* option : app->get_options())
      for (std::string const& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

std::string joined(std::vector<std::string> const& words) {
  std::string out;
  for (std::string const& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string unknown_option(CLI::App const& verb, std::string const& written) {
  std::string const name = written.substr(0, written.find('='));
  std::string const meant = nearest_word(name, options_of(verb));
  std::string const of = verb.get_parent() == nullptr ? "daemonctl" : verb.get_name();
  return of + " has no option " + printable(name) + "." + (meant.empty() ? "" : " Did you mean " + meant + "?");
}

std::string unknown_verb(CLI::App const& app, std::string const& written) {
  std::string const before = app.get_parent() == nullptr ? "" : app.get_name() + " ";
  std::string out = "There is no verb " + before + printable(written) + ".";
  auto const known = std::find_if(other_names.begin(), other_names.end(), [&](OtherName const& name) { return name.written == written; });
  if (app.get_parent() == nullptr && known != other_names.end()) return out + " " + std::string(known->advice);
  std::string const meant = nearest_word(written, verbs_of(app));
  if (!meant.empty()) return out + " Did you mean " + before + meant + "?";
  return app.get_parent() == nullptr ? out : out + " There are: " + joined(verbs_of(app));
}

std::string one_too_many(CLI::App const& verb, std::string const& written) {
  std::string const name = verb.get_name();
  std::string out = name + " cannot use \"" + printable(written) + "\" there.";
  if (name == "restore") out += " To bring back only some files: --path '" + printable(written) + "'";
  return out;
}

std::string something_missing(CLI::App const& app, CLI::ParseError const& error) {
  if (app.get_parent() == nullptr)
    return "What shall it do? daemonctl status says how the backups are, daemonctl setup sets them up.";
  std::string const what(error.what());
  if (what.starts_with("SNAPSHOT"))
    return app.get_name() + " needs to know which snapshot: latest, an id, or the beginning of one. daemonctl snapshots lists them.";
  if (what.starts_with("SLOT")) return app.get_name() + " needs to know which slot: the beginning of its id. daemonctl key list shows them.";
  if (what.starts_with("PATH")) return app.get_name() + " needs to know which file: its path as daemonctl ls SNAPSHOT shows it.";
  if (!app.get_subcommands([](CLI::App const*) { return true; }).empty())
    return app.get_name() + " needs one more word: " + joined(verbs_of(app)) + ".";
  return app.get_name() + ": " + what + ".";
}

// What CLI11 says, "--config: 1 required FILE missing" and the like, in a sentence.
std::string about_options(CLI::ParseError const& error) {
  std::string const what(error.what());
  auto const between = [&](std::string_view middle, std::string_view put) {
    auto const at = what.find(middle);
    return at == std::string::npos ? what : what.substr(0, at) + std::string(put) + what.substr(at + middle.size());
  };
  if (dynamic_cast<CLI::ExcludesError const*>(&error) != nullptr) return between(" excludes ", " does not go together with ") + ".";
  if (dynamic_cast<CLI::RequiresError const*>(&error) != nullptr) return between(" requires ", " goes only with ") + ".";
  std::string_view const missing = " missing";
  if (dynamic_cast<CLI::ArgumentMismatch const*>(&error) == nullptr || !what.ends_with(missing)) return what;
  std::string const needs = between(": 1 required ", " needs a value: ");
  return needs == what ? what : needs.substr(0, needs.size() - missing.size()) + ".";
}

std::string what_is_wrong(CLI::App const& app, CLI::ParseError const& error) {
  CLI::App const& verb = innermost(app);
  std::vector<std::string> const extra = app.remaining(true);
  auto const option = std::find_if(extra.begin(), extra.end(), [](std::string const& word) { return word.size() > 1 && word[0] == '-' && word != "--"; });
  auto const word = std::find_if(extra.begin(), extra.end(), [](std::string const& each) { return each.empty() || each[0] != '-'; });
  bool const has_verbs = !verbs_of(verb).empty();
  if (has_verbs && word != extra.end()) return unknown_verb(verb, *word);
  if (option != extra.end()) return unknown_option(verb, *option);
  if (dynamic_cast<CLI::RequiredError const*>(&error) != nullptr) return something_missing(verb, error);
  if (word != extra.end()) return one_too_many(verb, *word);
  return about_options(error);
}

}  // namespace

std::string usage_text(CLI::App const& app, CLI::ParseError const& error) {
  return what_is_wrong(app, error) + "\n" + command_of(innermost(app)) + " --help shows what it takes.\n";
}

}  // namespace b2b::daemonctl
