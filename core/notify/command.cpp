#include "core/notify/command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util/encoding.h"
#include "core/util/fd.h"
#include "core/util/file.h"

namespace b2b {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// The settings of posix_spawn(3), freed when they go.
class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(SpawnSettings const&) = delete;
  SpawnSettings& operator=(SpawnSettings const&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
};

Result<pid_t> spawn(CommandArguments command, EnvironmentMap const& environment, int output) {
  std::vector<std::string> variables;
  for (auto const& [name, value] : environment)
    variables.push_back(name + "=" + value);

  SpawnSettings settings;
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  int failed = ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  if (failed == 0) failed = ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
  if (failed == 0) failed = ::posix_spawnattr_setpgroup(&settings.attributes, 0);
  if (failed == 0)
    failed = ::posix_spawnattr_setflags(
        &settings.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  if (failed == 0)
    failed = ::posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&settings.actions, output, STDOUT_FILENO);
  if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&settings.actions, output, STDERR_FILENO);
  if (failed == 0) failed = ::posix_spawn_file_actions_addclosefrom_np(&settings.actions, 3);
  pid_t pid = -1;
  if (failed == 0)
    failed = ::posix_spawnp(&pid, command.front().c_str(), &settings.actions, &settings.attributes,
                            pointers(command).data(), pointers(variables).data());
  if (failed != 0) {
    Error error = errno_error(failed, "run the command", command.front());
    if (error.condition == Condition::not_found)
      error.advice = "Check the path of the program in the configuration";
    return error;
  }
  return pid;
}

// A command that runs. It is ended and reaped when this goes.
class Running {
 public:
  Running(pid_t pid, UniqueFd exited, UniqueFd output, std::size_t keep)
      : pid_(pid), exited_(std::move(exited)), output_(std::move(output)), keep_(keep) {}
  Running(Running const&) = delete;
  Running& operator=(Running const&) = delete;
  ~Running() {
    if (reaped_) return;
    signal_group(SIGKILL);
    reap();
  }

  // The leader is not reaped yet, so its number still names this group and no other.
  void signal_group(int signal) const { ::kill(-pid_, signal); }

  // Takes output until the command ended (true), `until` came, or the descriptor `interrupted` is readable.
  bool wait_until(std::chrono::nanoseconds until, int interrupted, Clock& clock) {
    for (;;) {
      auto const left = until - clock.monotonic();
      if (left <= std::chrono::nanoseconds::zero()) return false;
      constexpr std::chrono::milliseconds at_most(60'000);
      auto const wait = std::min(std::chrono::ceil<std::chrono::milliseconds>(left), at_most);
      std::array<pollfd, 3> watched{pollfd{exited_.get(), POLLIN, 0}, pollfd{output_.get(), POLLIN, 0},
                                    pollfd{interrupted, POLLIN, 0}};  // a negative one is passed over
      if (::poll(watched.data(), watched.size(), static_cast<int>(wait.count())) < 0) {
        if (errno == EINTR) continue;
        return false;
      }
      if (watched[1].revents != 0) take_output();
      if (watched[0].revents != 0) return true;
      if (watched[2].revents != 0) return false;
    }
  }

  CommandOutcome finish() {
    // What was in the pipe when it ended. A child in the background may go on writing.
    constexpr int pipe_pieces = 16;
    for (int piece = 0; piece < pipe_pieces && output_ && take_output(); ++piece) {
    }
    reap();
    return std::move(outcome_);
  }

 private:
  // False when there is nothing to take for now.
  bool take_output() {
    std::array<char, 4096> piece;
    ssize_t const got = ::read(output_.get(), piece.data(), piece.size());
    if (got < 0) return errno == EINTR;
    if (got == 0) {
      output_.reset();
      return false;
    }
    auto const length = static_cast<std::size_t>(got);
    std::size_t const kept = std::min(length, keep_ - outcome_.output.size());
    outcome_.output.append(piece.data(), kept);
    outcome_.output_cut |= kept < length;
    return true;
  }

  void reap() {
    int status = 0;
    pid_t got = -1;
    do {
      got = ::waitpid(pid_, &status, 0);
    } while (got < 0 && errno == EINTR);
    reaped_ = true;
    if (got != pid_) {
      outcome_.exit_code = 255;  // somebody else reaped it
    } else {
      outcome_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }

  pid_t const pid_;
  UniqueFd exited_;
  UniqueFd output_;
  std::size_t const keep_;
  bool reaped_ = false;
  CommandOutcome outcome_;
};

// Readable once a stop is requested.
class StopSignal {
 public:
  explicit StopSignal(std::stop_token const& stop)
      : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(stop, Raise{event_.get()}) {}
  int fd() const { return event_.get(); }

 private:
  struct Raise {
    int fd;
    void operator()() const {
      std::uint64_t const one = 1;
      // It fails only when the counter is full: then it is readable anyway.
      [[maybe_unused]] ssize_t const written = ::write(fd, &one, sizeof one);
    }
  };
  UniqueFd event_;
  std::stop_callback<Raise> callback_;
};

}  // namespace

Result<CommandOutcome> run_command(CommandArguments const& command, CommandEvent const& event,
                                   EnvironmentMap const& environment, CommandOptions const& options,
                                   std::stop_token const& stop, Clock& clock) {
  B2B_ASSERT(!command.empty());
  auto const cancelled = [&] {
    return make_error(Condition::cancelled, "the command " + printable(command.front()) + " was stopped", {},
                      command.front());
  };
  if (stop.stop_requested()) return cancelled();
  StopSignal const stopped(stop);
  if (stopped.fd() < 0) return errno_error(errno, "prepare to run the command", command.front());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "make a pipe for", command.front());
  UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  if (::fcntl(output.get(), F_SETFL, O_NONBLOCK) != 0)
    return errno_error(errno, "make a pipe for", command.front());

  auto const until = clock.monotonic() + options.timeout;
  EnvironmentMap const theirs = command_environment(environment, event);
  Result<pid_t> pid = make_error(Condition::not_found, "not tried");
  ServiceManagerKind const manager =
      options.outside_service ? service_manager(environment, ::geteuid() == 0) : ServiceManagerKind::none;
  std::string const bus = bus_socket(manager, environment);
  if (!bus.empty() && path_exists(bus))
    pid = spawn(outside_service_line(manager, command, theirs, options.timeout), theirs, input.get());
  if (!pid && pid.error().condition == Condition::not_found) pid = spawn(command, theirs, input.get());
  if (!pid) return pid.error();
  input.reset();
  UniqueFd exited(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  int const no_pidfd = exited ? 0 : errno;
  Running running(*pid, std::move(exited), std::move(output), options.output_bytes_max);
  if (no_pidfd != 0) return errno_error(no_pidfd, "watch the command", command.front());

  if (running.wait_until(until, stopped.fd(), clock)) return running.finish();
  running.signal_group(SIGTERM);
  if (!running.wait_until(clock.monotonic() + options.kill_after, -1, clock)) running.signal_group(SIGKILL);
  CommandOutcome outcome = running.finish();
  if (stop.stop_requested()) return cancelled();
  outcome.timed_out = true;
  return outcome;
}

std::string command_problem(CommandArguments const& command, CommandOutcome const& outcome) {
  std::string text = "the command " + printable(command.front()) + " ";
  if (outcome.timed_out) {
    text += "took too long and was stopped";
  } else if (outcome.exit_code > 128) {
    text += "was ended by signal " + std::to_string(outcome.exit_code - 128);
  } else {
    text += "ended with " + std::to_string(outcome.exit_code);
  }
  std::string_view output = outcome.output;
  while (!output.empty() && (output.back() == '\n' || output.back() == ' '))
    output.remove_suffix(1);
  if (!output.empty()) text += ": " + printable(output) + (outcome.output_cut ? " …" : "");
  return text;
}

}  // namespace b2b
