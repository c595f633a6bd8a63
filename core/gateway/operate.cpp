#include "core/gateway/operate.h"


#include "core/gateway/process.h"
#include "core/gateway/readiness.h"
#include "core/notify/command.h"
#include "core/util/wait.h"

namespace b2b {
namespace {

constexpr std::chrono::milliseconds health_timeout{2'000};
constexpr std::chrono::milliseconds start_command_timeout{120'000};
constexpr std::chrono::milliseconds preflight_timeout{120'000};
constexpr std::chrono::milliseconds stop_command_grace{15'000};  // a manager waits for the gateway itself, and then tells
constexpr std::size_t doctor_text_max_bytes = 2000;

// The process that was seen then, and no other that got its number.
bool is_alive(int pid, ProcessInfo const& seen) {
  auto const now = process_info(pid);
  return now && !now->zombie && now->start_ticks == seen.start_ticks;
}

Error cancelled() { return make_error(Condition::cancelled, "interrupted while the gateway was stopped or started"); }

}  // namespace

std::optional<std::string> agent_of_database(std::string_view name) {
  constexpr std::string_view before = "agents/", after = "/agent/openclaw-agent.sqlite";
  if (!name.starts_with(before) || !name.ends_with(after) || name.size() <= before.size() + after.size()) return std::nullopt;
  std::string agent(name.substr(before.size(), name.size() - before.size() - after.size()));
  if (agent.find('/') != std::string::npos) return std::nullopt;
  return agent;
}

GatewayOperator::GatewayOperator(OperatorSettings settings)
    : settings_(std::move(settings)), commands_(gateway_commands(settings_.configured, settings_.install)) {
  B2B_ASSERT(settings_.clock != nullptr && settings_.probe);
}

CommandEvent GatewayOperator::event(std::string name) const {
  CommandEvent out;
  out.event = std::move(name);
  out.state_dir = settings_.state_dir;
  return out;
}

CommandArguments GatewayOperator::openclaw(std::vector<std::string> const& arguments) const {
  auto const path = settings_.environment.find("PATH");
  return openclaw_command(settings_.install, settings_.state_dir, settings_.openclaw_json,
                          path == settings_.environment.end() ? std::string() : path->second, arguments);
}

bool GatewayOperator::wait_until(std::function<bool()> const& condition, std::chrono::nanoseconds end, std::stop_token const& stop) {
  for (;;) {
    if (condition()) return true;
    if (stop.stop_requested() || settings_.clock->monotonic() >= end) return false;
    wait_unless_stopped(settings_.look_interval, stop);
  }
}

Result<std::string> GatewayOperator::run_one_of(std::vector<CommandArguments> const& commands, std::string const& name,
                                                std::chrono::milliseconds timeout, std::stop_token const& stop) {
  CommandOptions options;
  options.outside_service = true;
  options.timeout = timeout;
  std::string problems;
  for (CommandArguments const& command : commands) {
    auto const outcome = run_command(command, event(name), settings_.environment, options, stop, *settings_.clock);
    if (!outcome && outcome.error().condition == Condition::cancelled) return cancelled();
    if (outcome && outcome->good()) return std::string();
    problems += (problems.empty() ? "" : "; ") + (outcome ? command_problem(command, *outcome) : outcome.error().text());
  }
  return problems;
}

Result<void> GatewayOperator::stop(std::stop_token const& stop) {
  if (!commands_.known()) return make_error(Condition::refused, commands_.missing, "Stop it yourself; the restore can wait for that");
  auto const end = settings_.clock->monotonic() + settings_.configured.stop_timeout;
  GatewayState const before = settings_.probe();
  if (is_held_by_command(before))
    return make_error(Condition::refused, before.detail + ", which is no gateway", "Wait until it ends, or end it. Nothing was changed");
  auto const process = before.pid ? process_info(*before.pid) : std::nullopt;
  B2B_ASSIGN(std::string const problems,
             run_one_of(commands_.stop, "gateway-stop", settings_.configured.stop_timeout + stop_command_grace, stop));
  GatewayState last;
  auto const stopped = [&] {
    last = settings_.probe();
    // It lets go of its lock before its process ends, which then still has the databases open.
    return last.running == GatewayState::Running::stopped && !(process && is_alive(*before.pid, *process));
  };
  // Commands that failed are not waited for: nothing was told to stop.
  if (problems.empty() ? wait_until(stopped, end, stop) : stopped()) return {};
  if (stop.stop_requested()) return cancelled();
  if (!problems.empty()) return make_error(Condition::refused, "the gateway could not be stopped: " + problems);
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(settings_.configured.stop_timeout).count();
  return make_error(Condition::refused,
                    "the gateway did not stop within " + std::to_string(seconds) + " s (gateway.stopTimeout): " + last.detail);
}

GatewayUp GatewayOperator::look() const {
  GatewayState const state = settings_.probe();
  if (state.running == GatewayState::Running::stopped || is_held_by_command(state)) return {false, state.detail};
  auto const port = state.port || !settings_.port ? state.port : settings_.port();
  if (!port) return {state.running == GatewayState::Running::running, state.detail};
  auto const health = ask_health(*port, health_timeout);
  if (!health) return {false, state.detail + ", and " + health.error().message};
  if (*health == Health::not_yet) return {false, state.detail + ", and is not ready yet"};
  return {true, state.detail + ", and answers on port " + std::to_string(*port)};
}

Result<GatewayUp> GatewayOperator::start(std::stop_token const& stop) {
  GatewayUp up;
  auto const ready = [&] {
    up = look();
    return up.ready;
  };
  // Twice, since what an earlier daemon had begun to start may be in the way of the first.
  for (int tries_left = 2;; --tries_left) {
    B2B_ASSIGN(std::string const problems, run_one_of(commands_.start, "gateway-start", start_command_timeout, stop));
    bool const begun = problems.empty() && !commands_.start.empty();
    auto const longest = begun ? settings_.ready_timeout : settings_.retry_pause;
    if (wait_until(ready, settings_.clock->monotonic() + longest, stop)) return up;
    if (stop.stop_requested()) return cancelled();
    if (commands_.start.empty()) up.detail = commands_.missing;
    if (!problems.empty()) up.detail = problems;
    if (problems.empty() || tries_left == 1) return up;
  }
}

Result<bool> GatewayOperator::service_failed(std::stop_token const& stop) {
  if (settings_.install.unit.empty()) return false;
  CommandOptions options;
  options.outside_service = true;
  CommandArguments const command{"systemctl", "--user", "is-failed", "--quiet", settings_.install.unit};
  auto const outcome = run_command(command, event("is-failed"), settings_.environment, options, stop, *settings_.clock);
  if (!outcome && outcome.error().condition == Condition::cancelled) return cancelled();
  return outcome && outcome->good();
}

Result<DoctorOutcome> GatewayOperator::doctor(std::stop_token const& stop) { return run_doctor(settings_.doctor_timeout, stop); }

Result<DoctorOutcome> GatewayOperator::doctor_before_start(std::stop_token const& stop) {
  return run_doctor(settings_.doctor_timeout_before_start, stop);
}

Result<DoctorOutcome> GatewayOperator::run_doctor(std::chrono::milliseconds longest, std::stop_token const& stop) {
  CommandArguments const command = openclaw({"doctor", "--non-interactive"});
  if (command.empty()) return DoctorOutcome{false, false, "the program openclaw was not found on this machine"};
  CommandOptions options;
  options.outside_service = true;
  options.timeout = longest;
  options.output_bytes_max = 64 << 10;
  auto const outcome = run_command(command, event("doctor"), settings_.environment, options, stop, *settings_.clock);
  if (!outcome && outcome.error().condition == Condition::cancelled) return cancelled();
  if (!outcome) return DoctorOutcome{false, false, outcome.error().text()};
  std::string_view end = outcome->output;
  if (end.size() > doctor_text_max_bytes) end.remove_prefix(end.size() - doctor_text_max_bytes);
  DoctorOutcome out{true, outcome->good(), std::string(end)};
  if (outcome->timed_out) out.text = "it took too long and was stopped\n" + out.text;
  return out;
}

Result<std::optional<Preflight>> GatewayOperator::preflight(std::string const& copy, std::string const& name, std::stop_token const& stop) {
  std::vector<std::string> arguments{"database"};
  if (name == "state/openclaw.sqlite") {
    arguments.insert(arguments.end(), {"preflight", copy, "--json"});
  } else if (auto const agent = agent_of_database(name)) {
    arguments.insert(arguments.end(), {"preflight-agent", copy, "--agent-id", *agent, "--json"});
  } else {
    return std::optional<Preflight>();
  }
  CommandArguments const command = openclaw(arguments);
  if (command.empty()) return std::optional<Preflight>();
  CommandOptions options;
  options.timeout = preflight_timeout;
  options.output_bytes_max = 64 << 10;
  auto const outcome = run_command(command, event("preflight"), settings_.environment, options, stop, *settings_.clock);
  if (!outcome && outcome.error().condition == Condition::cancelled) return cancelled();
  return outcome ? parse_preflight(outcome->output) : std::optional<Preflight>();
}

}  // namespace b2b
