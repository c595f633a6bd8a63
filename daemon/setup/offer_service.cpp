// The service of systemd, if there is one, and that it goes on while nobody is logged in.
#include <unistd.h>

#include "core/config/config_file.h"
#include "core/config/own_file.h"
#include "core/notify/command.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "daemon/setup/recovery_note.h"
#include "daemon/setup/setup.h"

namespace b2b::setup {
namespace {

struct Ran {
  bool good = false;
  std::string output;
};

Result<Ran> run_program(Conversation const& talk, CommandArguments const& command) {
  CommandOptions options;
  options.timeout = std::chrono::minutes(5);  // a first start may restore
  auto const outcome =
      run_command(command, CommandEvent{}, talk.sources.environment, options, talk.stop, talk.clock);
  if (!outcome && outcome.error().condition == Condition::cancelled) return outcome.error();
  if (!outcome) return Ran{false, outcome.error().message};
  Ran ran{outcome->good(), outcome->output};
  while (!ran.output.empty() && ran.output.back() == '\n')
    ran.output.pop_back();
  return ran;
}

std::string unit_of(Conversation const& talk) {
  return talk.state.profile.empty() ? "b2backupd.service" : "b2backupd@" + talk.state.profile + ".service";
}

// The units start the daemon without --config.
bool unit_reads_it(Conversation const& talk) {
  for (std::string const& place : config_file_places(talk.sources, talk.state.profile)) {
    if (place == talk.config_path) return true;
    if (path_exists(place)) return false;
  }
  return false;
}

std::string by_hand(Conversation const& talk) {
  std::string program =
      talk.own_program.empty() ? "b2backupd" : join_path(parent_path(talk.own_program), "b2backupd");
  if (!path_exists(program)) program = "b2backupd";
  std::string command = shell_word(program);
  if (!unit_reads_it(talk)) {
    command += " --config " + shell_word(talk.config_path);
  } else if (!talk.state.profile.empty()) {
    command += " --profile " + talk.state.profile;
  }
  return command;
}

void set(Conversation& talk, std::string_view state) {
  talk.answer["service"] = state;
}

void say_by_hand(Conversation& talk, std::string const& why) {
  if (daemon_answers(talk)) {  // two for one state directory are refused
    set(talk, "other");
    talk.console.line(
        talk.unchanged
            ? "  A daemon runs already."
            : "  A daemon runs already, with its configuration of before: restart it, or send it SIGHUP.");
    return;
  }
  set(talk, "by-hand");
  talk.console.line("  " + why + " This runs the daemon, which backs up by itself as long as it runs:");
  talk.console.line("    " + by_hand(talk));
}

Result<void> offer_lingering(Conversation& talk) {
  talk.answer["lingering"] = false;
  std::string const user = std::to_string(::geteuid());
  B2B_ASSIGN(Ran const now,
             run_program(talk, {"loginctl", "show-user", user, "--property=Linger", "--value"}));
  if (now.good && now.output == "yes") {
    talk.answer["lingering"] = true;
    return {};
  }
  std::string const later = "  Later: loginctl enable-linger";
  if (talk.options.no_linger) {
    talk.console.line(later);
    return {};
  }
  B2B_ASSIGN(
      bool const wanted,
      confirm(talk.asker, "Keep it running while you are not logged in, and from the start of the machine?",
              true));
  if (!wanted) {
    talk.console.line(later);
    return {};
  }
  B2B_ASSIGN(Ran const enabled, run_program(talk, {"loginctl", "enable-linger", user}));
  talk.answer["lingering"] = enabled.good;
  if (enabled.good) {
    talk.console.line("  It goes on while you are not logged in.");
  } else {
    warn(talk, "that could not be set: " + printable(enabled.output) +
                   ". As an administrator: sudo loginctl enable-linger " + user);
  }
  return {};
}

Result<void> start(Conversation& talk, std::string const& unit, bool running) {
  CommandArguments command{"systemctl", "--user"};
  if (running) {
    command.insert(command.end(), {"restart", unit});
  } else {
    command.insert(command.end(), {"enable", "--now", unit});
  }
  B2B_ASSIGN(Ran const done, run_program(talk, command));
  if (!done.good)
    return make_error(Condition::io, "the service did not start: " + printable(done.output),
                      "Its log says why: journalctl --user -u " + unit + " -n 20");
  set(talk, "running");
  talk.console.line(running ? "  Restarted: it works with this configuration now."
                            : "  Started: it runs now and at every login.");
  return {};
}

}  // namespace

Result<void> offer_service(Conversation& talk) {
  Console& console = talk.console;
  console.line("");
  console.line("Service");
  set(talk, "not-asked");
  if (talk.options.no_service) {
    console.line("  Left alone. By hand: " + by_hand(talk));
    return {};
  }
  if (!unit_reads_it(talk)) {
    say_by_hand(talk, "The installed service would not read " + printable(talk.config_path) + ".");
    return {};
  }
  B2B_ASSIGN(Ran const manager, run_program(talk, {"systemctl", "--user", "show", "--property=Version"}));
  if (!manager.good) {
    say_by_hand(talk, "No systemd answers here, so there is no service to start.");
    return {};
  }
  std::string const unit = unit_of(talk);
  B2B_ASSIGN(Ran const there, run_program(talk, {"systemctl", "--user", "cat", unit}));
  if (!there.good) {
    say_by_hand(talk, "The service " + unit + " is not installed (scripts/install does that).");
    return {};
  }
  B2B_ASSIGN(Ran const active, run_program(talk, {"systemctl", "--user", "is-active", unit}));
  if (active.good && talk.unchanged) {
    set(talk, "running");
    console.line("  " + unit + " runs already.");
    return offer_lingering(talk);
  }
  B2B_ASSIGN(bool const wanted,
             confirm(talk.asker,
                     active.good ? unit + " runs with the old configuration. Restart it now?"
                                 : "Start " + unit + " now and at every login?",
                     true));
  if (!wanted) {
    set(talk, "declined");
    console.line(std::string("  Later: systemctl --user ") + (active.good ? "restart " : "enable --now ") +
                 unit);
    return {};
  }
  B2B_TRY(start(talk, unit, active.good));
  return offer_lingering(talk);
}

}  // namespace b2b::setup
