#include <CLI/CLI.hpp>
#include <functional>

#include "daemon/control/arguments.h"
#include "daemon/pages/completion.h"
#include "daemon/pages/man_page.h"
#include "daemon/service/arguments.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::pages;

namespace {

Command control() {
  Command out;
  daemonctl::with_command_line([&](CLI::App const& app) { out = describe(app); });
  return out;
}

Command daemon_itself() {
  Command out;
  b2b::service::with_command_line([&](CLI::App const& app) { out = describe(app); });
  return out;
}

// Every verb with its path ("key add") and every option's names, from CLI11 itself: what the pages must have.
using See = std::function<void(std::string const& path, std::string const& verb, std::string const& option)>;
void walk(CLI::App const& app, std::string const& path, See const& see) {
  for (CLI::Option const* option : app.get_options()) {
    for (std::string const& name : option->get_lnames()) see(path, app.get_name(), "--" + name);
    for (std::string const& name : option->get_snames()) see(path, app.get_name(), "-" + name);
  }
  for (CLI::App const* verb : app.get_subcommands([](CLI::App const*) { return true; })) {
    std::string const below = path.empty() ? verb->get_name() : path + " " + verb->get_name();
    see(below, verb->get_name(), "");
    walk(*verb, below, see);
  }
}

bool has(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }

Edition const edition{"1.2.3", "2026-02-19"};

Command const& verb_of(Command const& program, std::string const& name) {
  for (Command const& verb : program.verbs)
    if (verb.name == name) return verb;
  throw std::runtime_error("no verb " + name);
}

Option const& option_of(Command const& command, std::string const& name) {
  for (Option const& option : command.options)
    if (option.names.front() == name) return option;
  throw std::runtime_error("no option " + name);
}

}  // namespace

TEST_CASE("pages: every verb and option is in the manual page and in each completion") {
  Command const program = control();
  std::string const page = daemonctl_page(program, key_table(), edition);
  std::string const bash = bash_completion(program, key_table()), zsh = zsh_completion(program, key_table());
  std::string const fish = fish_completion(program, key_table()), powershell = powershell_completion(program, key_table());
  std::size_t verbs = 0, options = 0;
  daemonctl::with_command_line([&](CLI::App const& app) {
    walk(app, "", [&](std::string const& path, std::string const& verb, std::string const& name) {
      CAPTURE(path, name);
      if (name.empty()) {
        ++verbs;
        CHECK((has(page, ".SS " + troff(path) + "\n") || has(page, ".SS " + troff(path) + " ")));
        CHECK(has(bash, "verb='" + path + "'"));
        CHECK(has(zsh, "'" + verb + ":"));
        CHECK(has(fish, " -a " + verb + " "));
        CHECK(has(powershell, "@('" + verb + "', "));
        return;
      }
      ++options;
      CHECK(has(page, "\\fB" + troff(name) + "\\fR"));
      CHECK(has(bash, name));
      CHECK(has(zsh, name + (name.starts_with("--") ? "" : "[")));
      CHECK(has(fish, name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1)));
      CHECK(has(powershell, "@('" + name + "', "));
    });
  });
  CHECK(verbs > 20);
  CHECK(options > 60);
}

TEST_CASE("pages: the daemon's options are in its page and completions") {
  Command const program = daemon_itself();
  std::string const page = b2backupd_page(program, key_table(), edition);
  std::string const all = bash_completion(program, key_table()) + zsh_completion(program, key_table());
  std::size_t seen = 0;
  b2b::service::with_command_line([&](CLI::App const& app) {
    walk(app, "", [&](std::string const&, std::string const&, std::string const& name) {
      CAPTURE(name);
      ++seen;
      CHECK(has(page, "\\fB" + troff(name) + "\\fR"));
      CHECK(has(all, name));
    });
  });
  CHECK(seen > 8);
  CHECK(has(page, "SIGHUP reads the configuration again"));
  CHECK(has(page, ".SH EXIT STATUS\n.TP\n\\fB0\\fR\nended in order\n"));
  CHECK(has(page, ".TP\n\\fB77\\fR\nrefused\n"));
}

TEST_CASE("pages: every key of the configuration has its entry, with its default and its variable") {
  std::string const page = configuration_page(key_table(), edition);
  for (KeySpec const& key : key_table()) {
    CAPTURE(key.name);
    auto const at = page.find(".TP\n\\fB" + troff(key.name) + "\\fR (");
    REQUIRE(at != std::string::npos);
    std::string const entry = page.substr(at, page.find("\n.", at + 4) - at);
    if (!key.default_text.empty()) CHECK(has(entry, "\\fB" + troff(key.default_text) + "\\fR"));
    if (!key.environment.empty()) CHECK(has(entry, "Environment: \\fB" + troff(key.environment) + "\\fR."));
    CHECK(has(entry, "Secret") == key.secret);
  }
  for (std::string const& name : {daemonctl_page(control(), key_table(), edition), b2backupd_page(daemon_itself(), key_table(), edition)})
    CHECK(has(name, "\\fBB2_APPLICATION_KEY\\fR\n\\fBapplicationKey\\fR\n"));
}

TEST_CASE("pages: what a value is comes from its definition") {
  Command const program = control();
  CHECK(option_of(program, "--config").value == Value::file);
  CHECK(option_of(program, "--state-dir").value == Value::directory);
  CHECK(option_of(program, "--set").value == Value::setting);
  CHECK(option_of(program, "--set").repeats);
  CHECK(option_of(program, "--json").value == Value::none);
  CHECK(option_of(program, "--json").value_name.empty());
  CHECK(option_of(program, "--quiet").names == std::vector<std::string>{"--quiet", "-q"});
  Option const& layout = option_of(verb_of(program, "copy"), "--to-layout");
  CHECK(layout.value == Value::choice);
  CHECK(layout.choices == std::vector<std::string>{"packed", "plugin"});
  CHECK(layout.value_name == "LAYOUT");
  CHECK(layout.required);
  Command const& restore = verb_of(program, "restore");
  REQUIRE(restore.places.size() == 1);
  CHECK(restore.places.front().value == Value::snapshot);
  CHECK(option_of(restore, "--when-stopped").excludes == std::vector<std::string>{"--stop-gateway"});
  CHECK(option_of(restore, "--expires").needs == std::vector<std::string>{"--when-stopped"});
  CHECK(option_of(restore, "--target").value == Value::directory);
}

TEST_CASE("pages: an option takes a value at every verb or at none, since completions look at its name alone") {
  Command const program = control();
  auto const with_value = options_with_value(program);
  for (Stand const& stand : stands(program))
    for (Option const* option : stand.options)
      for (std::string const& name : option->names) {
        CAPTURE(stand.path, name);
        CHECK((std::find(with_value.begin(), with_value.end(), name) != with_value.end()) == (option->value != Value::none));
      }
}

TEST_CASE("pages: a verb takes the options of what is around it") {
  Command const program = control();
  std::vector<std::string> paths;
  for (Stand const& stand : stands(program)) {
    paths.push_back(stand.path);
    std::size_t helps = 0, quiet = 0;
    for (Option const* option : stand.options) {
      helps += option->names.front() == "--help";
      quiet += option->names.front() == "--quiet";
    }
    CAPTURE(stand.path);
    CHECK(helps == 1);
    CHECK(quiet == 1);
  }
  CHECK(paths.front().empty());
  CHECK(std::find(paths.begin(), paths.end(), "key add") != paths.end());
}

TEST_CASE("pages: text cannot become a command or lose a character") {
  CHECK(troff(".TH evil") == "\\&.TH evil");
  CHECK(troff("a\\b") == "a\\eb");
  CHECK(troff("it's --dry-run of ~/x") == "it\\(aqs \\-\\-dry\\-run of \\(ti/x");
  std::string const word(60, 'x');
  CHECK(broken_lines(word + " " + word + "\n") == word + "\n" + word + "\n");
  CHECK(broken_lines(word + " .hidden " + word + "\n").find("\n.hidden") == std::string::npos);
  CHECK(broken_lines(".B " + word + " " + word + "\n") == ".B " + word + " " + word + "\n");
  CHECK(broken_lines("ends with a blank \n") == "ends with a blank\n");
}

TEST_CASE("pages: quotes in help stay help, in every shell") {
  Command program;
  program.name = "tool";
  program.help = "it's";
  Option option;
  option.names = {"--a"};
  option.help = "it's [a]: \\ thing";
  program.options.push_back(option);
  CHECK(has(zsh_completion(program, {}), "'(--a)--a[it'\\''s \\[a\\]\\: \\\\ thing]'"));
  CHECK(has(fish_completion(program, {}), "-d 'it\\'s [a]: \\\\ thing'"));
  CHECK(has(powershell_completion(program, {}), "@('--a', 'it''s [a]: \\ thing')"));
}
