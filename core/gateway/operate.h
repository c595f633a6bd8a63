// Stops and starts a gateway around a restore, waits until it is down or up, and runs OpenClaw's own programs on the result.
// By commands only: there is no other way to stop a gateway so that its service manager leaves it stopped.
//
// Every call blocks, on any thread, one at a time; a requested stop ends it with `cancelled`. Commands run outside of our own
// service where that is possible (core/notify/command.h).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/gateway/install.h"
#include "core/gateway/openclaw_output.h"
#include "core/gateway/probe.h"
#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b {

struct GatewayUp {
  bool ready = false;
  std::string detail;         // "the gateway (pid 12, port 18789) answers", or why it is taken for down
};

struct DoctorOutcome {
  bool ran = false;           // false: there is no `openclaw` to run, or it could not be started
  bool good = false;          // it ended with 0
  std::string text;           // what went wrong, or the end of what it wrote
};

struct OperatorSettings {
  GatewayConfig configured;   // commands, stop_timeout
  OpenclawInstall install;
  std::string state_dir;
  std::string openclaw_json;  // empty: the one in state_dir
  EnvironmentMap environment; // ours
  std::function<GatewayState()> probe;
  std::function<std::optional<std::uint16_t>()> port;  // where it listens, when its lock does not say; none: not known
  Clock* clock = nullptr;
  std::chrono::milliseconds look_interval = std::chrono::seconds(1);
  std::chrono::milliseconds ready_timeout = std::chrono::seconds(120);
  std::chrono::milliseconds retry_pause = std::chrono::seconds(10);   // after a start command that failed
  std::chrono::milliseconds doctor_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds doctor_timeout_before_start = std::chrono::minutes(3);
};

class GatewayOperator {
 public:
  explicit GatewayOperator(OperatorSettings settings);

  GatewayCommands const& commands() const { return commands_; }

  // Returns when the gateway is known to be stopped. refused: no way is known, or the commands failed, or it still runs after
  // stop_timeout. It may stop later all the same: whoever asked for it starts it again.
  Result<void> stop(std::stop_token const& stop);
  // Starts it and waits until it answers; a command that fails is tried once more. Errors: cancelled. That it does not come up is an outcome.
  Result<GatewayUp> start(std::stop_token const& stop);
  GatewayState probe() const { return settings_.probe(); }
  // Is it up now? The lock is held, and where a port is known, somebody answers there.
  GatewayUp look() const;

  // Did its service try to start and fail, as it does against the fence? (It is not started again by itself then.) False when that
  // cannot be told.
  Result<bool> service_failed(std::stop_token const& stop);

  // `openclaw doctor --non-interactive`. It asks the gateway how it is, and waits 60 s for one that is not there.
  Result<DoctorOutcome> doctor(std::stop_token const& stop);
  // The same while the gateway is down and should not be: for as long only as somebody waits for it.
  Result<DoctorOutcome> doctor_before_start(std::stop_token const& stop);
  // Does the installed release take this copy of a database, `name` in the state directory? nullopt: nobody can tell.
  Result<std::optional<Preflight>> preflight(std::string const& copy, std::string const& name, std::stop_token const& stop);

 private:
  // The first command that succeeds ends it; else why each failed.
  Result<std::string> run_one_of(std::vector<CommandArguments> const& commands, std::string const& event,
                                 std::chrono::milliseconds timeout, std::stop_token const& stop);
  bool wait_until(std::function<bool()> const& condition, std::chrono::nanoseconds end, std::stop_token const& stop);
  Result<DoctorOutcome> run_doctor(std::chrono::milliseconds longest, std::stop_token const& stop);
  CommandArguments openclaw(std::vector<std::string> const& arguments) const;
  CommandEvent event(std::string name) const;

  OperatorSettings settings_;
  GatewayCommands commands_;
};

// `agents/main/agent/openclaw-agent.sqlite` is the database of agent `main`; nullopt: it is no agent's.
std::optional<std::string> agent_of_database(std::string_view name);

}  // namespace b2b
