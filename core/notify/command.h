// Runs one command of the configuration: a list of arguments, never a shell. It is a process group of its
// own, reads nothing, and what it writes is kept for the log. It inherits no file of ours.
//
// The call blocks until the command ends; any thread may make it. What the command leaves in the background
// is left alone when it ends by itself, and ended with it otherwise.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "core/notify/command_line.h"
#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b {

struct CommandOptions {
  // Outside our control group and sandbox, where service_manager() finds a manager to ask, its bus_socket()
  // is there and systemd-run is installed; else inside.
  bool outside_service = false;
  std::chrono::milliseconds timeout = std::chrono::seconds(60);    // then SIGTERM
  std::chrono::milliseconds kill_after = std::chrono::seconds(5);  // then SIGKILL
  std::size_t output_bytes_max = 8192;
};

struct CommandOutcome {
  int exit_code = 0;  // 128 + the signal that ended it
  bool timed_out = false;
  std::string output;  // stdout and stderr as they came, the first `output_bytes_max` bytes
  bool output_cut = false;

  bool good() const { return exit_code == 0 && !timed_out; }
};

// not_found or permission: it cannot be started. cancelled: a stop was requested; the command was ended. A
// command that fails or takes too long is an outcome, not an error. `environment` is ours:
// command_environment() is applied to it.
Result<CommandOutcome> run_command(CommandArguments const& command, CommandEvent const& event,
                                   EnvironmentMap const& environment, CommandOptions const& options,
                                   std::stop_token const& stop, Clock& clock = system_clock());

// One line for the log about an outcome that is not good: "the command /usr/bin/mail ended with 1: …".
std::string command_problem(CommandArguments const& command, CommandOutcome const& outcome);

}  // namespace b2b
