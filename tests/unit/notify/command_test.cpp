// Real, small commands. What bounds a wait here is the command's own end, or a limit that the test wants to
// see reached.
#include "core/notify/command.h"

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

EnvironmentMap const environment{{"PATH", "/usr/bin:/bin"}, {"B2_APPLICATION_KEY", "hunter2"}};

CommandOutcome run(CommandArguments const& command, CommandOptions const& options = {},
                   CommandEvent const& event = {}) {
  auto outcome = run_command(command, event, environment, options, {});
  if (!outcome) FAIL(outcome.error().text());
  return std::move(*outcome);
}

CommandOutcome shell(std::string const& script, CommandOptions const& options = {},
                     CommandEvent const& event = {}) {
  return run({"/bin/sh", "-c", script}, options, event);
}

// True once no process has this number any more, or it is a zombie.
bool is_gone(pid_t pid) {
  UniqueFd const process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return true;
  pollfd watched{process.get(), POLLIN, 0};
  return ::poll(&watched, 1, 30'000) == 1;
}

}  // namespace

TEST_CASE("command: success, failure, signals") {
  CHECK(run({"/bin/true"}).good());
  CHECK(run({"true"}).good());  // from PATH
  CommandOutcome const failed = shell("echo out; echo err >&2; exit 3");
  CHECK(failed.exit_code == 3);
  CHECK_FALSE(failed.good());
  CHECK(failed.output == "out\nerr\n");
  CHECK(command_problem({"/bin/x"}, failed) == "the command /bin/x ended with 3: out\\nerr");
  CommandOutcome const killed = shell("kill -KILL $$");
  CHECK(killed.exit_code == 128 + SIGKILL);
  CHECK(command_problem({"x"}, killed) == "the command x was ended by signal 9");
}

TEST_CASE("command: arguments and environment arrive as they are, through no shell") {
  CommandEvent event;
  event.event = "success";
  event.snapshot = "id";
  event.state_dir = "/s";
  CHECK(run({"/bin/echo", "-n", "$HOME; `id` *", ""}).output == "$HOME; `id` * ");
  CHECK(shell("echo $B2B_EVENT $B2B_SNAPSHOT $B2B_STATE_DIR ${B2B_ERROR-unset} ${B2_APPLICATION_KEY-unset}",
              {}, event)
            .output == "success id /s unset unset\n");
}

TEST_CASE("command: nothing to read, no files of ours, a group of its own, plain signals") {
  CHECK(shell("read line || echo end").output == "end\n");
  UniqueFd const leaked(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC on purpose
  REQUIRE(leaked.get() > 2);
  CHECK(shell("ls /proc/self/fd | wc -l").output == "4\n");  // 0, 1, 2 and that of ls
  CHECK(shell("test $(ps -o pgid= -p $$) = $$ && echo own").output == "own\n");

  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0);
  CHECK(shell("kill -TERM $$; echo survived").exit_code == 128 + SIGTERM);
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
}

TEST_CASE("command: what cannot be started") {
  auto const missing = run_command({"/nowhere/at all"}, {}, environment, {}, {});
  REQUIRE(missing.has_error());
  CHECK(missing.error().condition == Condition::not_found);
  CHECK(missing.error().message.find("/nowhere/at all") != std::string::npos);
  CHECK_FALSE(missing.error().advice.empty());
  auto const directory = run_command({"/tmp"}, {}, environment, {}, {});
  REQUIRE(directory.has_error());
  CHECK(directory.error().condition == Condition::permission);
}

TEST_CASE("command: output is bounded and never blocks it") {
  CommandOutcome const loud = shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 4");
  CHECK(loud.exit_code == 4);
  CHECK(loud.output == std::string(8192, 'x'));
  CHECK(loud.output_cut);
  CommandOptions options;
  options.output_bytes_max = 3;
  CHECK(shell("printf abc", options).output == "abc");
  CHECK_FALSE(shell("printf abc", options).output_cut);
  CHECK(shell("printf abcd", options).output_cut);
}

TEST_CASE("command: too long") {
  CommandOptions options;
  options.timeout = 20ms;
  CommandOutcome const polite = shell("exec sleep 600", options);
  CHECK(polite.timed_out);
  CHECK_FALSE(polite.good());
  CHECK(polite.exit_code == 128 + SIGTERM);
  CHECK(command_problem({"x"}, polite) == "the command x took too long and was stopped");
}

TEST_CASE("command: what it does about SIGTERM") {
  test::Scratch scratch;
  std::string const fifo = scratch / "ready";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  // Its time is over as soon as it says that it is ready.
  ManualClock clock{TimePoint{}};
  std::jthread const timer([&] {
    UniqueFd const ready(::open(fifo.c_str(), O_RDONLY));  // blocks until the command opens it
    clock.advance(1h);
  });
  CommandOptions options;
  options.timeout = 20ms;

  SECTION("it ends by itself and says something") {
    auto const tidy =
        run_command({"/bin/sh", "-c", "trap 'echo bye; exit 0' TERM; sleep 600 & exec 3> \"$0\"; wait", fifo},
                    {}, environment, options, {}, clock);
    REQUIRE(tidy);
    CHECK(tidy->timed_out);
    CHECK_FALSE(tidy->good());
    CHECK(tidy->exit_code == 0);
    CHECK(tidy->output == "bye\n");
  }
  SECTION("it does not care: the whole group gets SIGKILL") {
    options.kill_after = 0ms;
    auto const stubborn = run_command(
        {"/bin/sh", "-c", "trap '' TERM; sleep 600 & echo $!; exec 3> \"$0\"; wait; sleep 600", fifo}, {},
        environment, options, {}, clock);
    REQUIRE(stubborn);
    CHECK(stubborn->timed_out);
    CHECK(stubborn->exit_code == 128 + SIGKILL);
    CHECK(is_gone(static_cast<pid_t>(std::stol(stubborn->output))));
  }
}

TEST_CASE("command: a child in the background is left alone and not waited for") {
  CommandOutcome const outcome = shell("sleep 600 & echo $!");
  CHECK(outcome.good());
  auto const child = static_cast<pid_t>(std::stol(outcome.output));
  CHECK(::kill(child, 0) == 0);
  ::kill(child, SIGKILL);
}

TEST_CASE("command: a stop ends it") {
  std::stop_source stop;
  stop.request_stop();
  CHECK(run_command({"/bin/true"}, {}, environment, {}, stop.get_token()).error().condition ==
        Condition::cancelled);

  test::Scratch scratch;
  std::string const fifo = scratch / "started";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::stop_source later;
  std::jthread const stopper([&] {
    UniqueFd const started(::open(fifo.c_str(), O_RDONLY));  // blocks until the command opens it
    later.request_stop();
  });
  auto const stopped = run_command({"/bin/sh", "-c", "exec 3> \"$0\"; exec sleep 600", fifo}, {}, environment,
                                   {}, later.get_token());
  REQUIRE(stopped.has_error());
  CHECK(stopped.error().condition == Condition::cancelled);
}

TEST_CASE("command: outside the service where there is a manager to ask, else inside") {
  test::Scratch scratch;
  // A stand-in for systemd-run that says how it was called.
  REQUIRE(atomic_write_file(scratch / "systemd-run", "#!/bin/sh\necho \"$1 $B2B_EVENT $*\"\n", 0755));
  std::string const path = std::getenv("PATH");
  REQUIRE(::setenv("PATH", (scratch.path() + ":" + path).c_str(), 1) == 0);
  EnvironmentMap under_systemd = environment;
  under_systemd["INVOCATION_ID"] = "1";
  under_systemd["MANAGERPID"] = "2";
  under_systemd["XDG_RUNTIME_DIR"] = scratch.path();
  CommandOptions options;
  options.outside_service = true;
  CommandEvent event;
  event.event = "failure";
  auto const output = [&](EnvironmentMap const& given) {
    auto const outcome = run_command({"/bin/echo", "inside"}, event, given, options, {});
    return outcome ? outcome->output : outcome.error().text();
  };
  CHECK(output(under_systemd) == "inside\n");  // no bus
  REQUIRE(atomic_write_file(scratch / "bus", ""));
  CHECK(output(under_systemd) ==
        "--user failure --user --quiet --collect --pipe --wait --service-type=exec "
        "--property=RuntimeMaxSec=60000ms "
        "--property=TimeoutStopSec=5 --setenv=B2B_EVENT -- /bin/echo inside\n");
  CHECK(output(environment) == "inside\n");
  options.outside_service = false;
  CHECK(output(under_systemd) == "inside\n");
  REQUIRE(::setenv("PATH", path.c_str(), 1) == 0);
}
