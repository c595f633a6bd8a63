#include "core/gateway/operate.h"

#include <atomic>
#include <fstream>
#include <thread>

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/gateway/readiness.h"
#include "core/util/fd.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace std::chrono_literals;
using b2b::test::Scratch;
using Running = GatewayState::Running;

namespace {

// A gateway is a file here: it is there while the gateway runs. Commands make and remove it.
struct Fixture {
  Fixture() {
    settings.state_dir = scratch.path();
    settings.environment = {{"PATH", "/usr/bin:/bin"}};
    settings.clock = &system_clock();
    settings.look_interval = 1ms;
    settings.ready_timeout = 100ms;
    settings.retry_pause = 5ms;
    settings.configured.stop_timeout = 100ms;
    settings.configured.stop = shell("rm -f " + running);
    settings.configured.start = shell("touch " + running);
    settings.probe = [this] {
      return path_exists(running) ? GatewayState{Running::running, "the gateway runs", pid, {}} : GatewayState{Running::stopped, "it has ended", {}, {}};
    };
  }
  static CommandArguments shell(std::string const& script) { return {"/bin/sh", "-c", script}; }
  void run_gateway() const { REQUIRE(atomic_write_file(running, "")); }
  GatewayOperator make() const { return GatewayOperator(settings); }

  Scratch scratch;
  std::string running = scratch.path() + "/running";
  std::optional<int> pid;
  OperatorSettings settings;
};

// Listens on a port of its own and answers every connection with the same bytes.
class Listener {
 public:
  explicit Listener(std::string answer) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_.get(), 8) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      for (;;) {
        UniqueFd const peer(::accept(fd_.get(), nullptr, nullptr));
        if (!peer) return;
        if (!answer.empty()) static_cast<void>(::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
      }
    });
  }
  ~Listener() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port = 0;

 private:
  UniqueFd fd_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("operate: a gateway is stopped, and started again") {
  Fixture fixture;
  fixture.run_gateway();
  auto gateway = fixture.make();
  REQUIRE(gateway.stop({}));
  CHECK_FALSE(path_exists(fixture.running));
  auto const up = gateway.start({});
  REQUIRE(up);
  CHECK(up->ready);
}

TEST_CASE("operate: an agent in a terminal is not stopped, and is no gateway that came up") {
  Fixture fixture;
  fixture.settings.probe = [] { return GatewayState{Running::running, "an agent in a terminal", {}, {}, GatewayState::Holder::command}; };
  auto gateway = fixture.make();
  auto const stopped = gateway.stop({});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().message == "an agent in a terminal, which is no gateway");
  CHECK_FALSE(gateway.look().ready);
  auto const up = gateway.start({});
  REQUIRE(up);
  CHECK_FALSE(up->ready);
}

TEST_CASE("operate: the stop is over when the gateway is gone, not when the command is") {
  Fixture fixture;
  fixture.run_gateway();
  std::atomic<int> looks = 0;
  fixture.settings.configured.stop = Fixture::shell("true");
  fixture.settings.probe = [&] {
    return ++looks < 5 ? GatewayState{looks == 2 ? Running::unknown : Running::running, "it drains", {}, {}}
                       : GatewayState{Running::stopped, "", {}, {}};
  };
  REQUIRE(fixture.make().stop({}));
  CHECK(looks == 5);
}

TEST_CASE("operate: the stop is over when the gateway's process has ended, not when it lets go of its lock") {
  Fixture fixture;
  fixture.run_gateway();
  pid_t const child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  fixture.pid = child;
  int looks_after = 0;
  fixture.settings.probe = [&, probe = fixture.settings.probe] {
    if (!path_exists(fixture.running) && ++looks_after == 3) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    return probe();
  };
  REQUIRE(fixture.make().stop({}));
  CHECK(looks_after == 3);
}

TEST_CASE("operate: a gateway that runs on is told with the time that was waited") {
  Fixture fixture;
  fixture.run_gateway();
  fixture.settings.configured.stop = Fixture::shell("true");
  auto const stopped = fixture.make().stop({});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().condition == Condition::refused);
  CHECK(stopped.error().text().find("gateway.stopTimeout") != std::string::npos);
  CHECK(path_exists(fixture.running));
}

TEST_CASE("operate: a command that fails is told at once, unless the gateway is gone all the same") {
  Fixture fixture;
  fixture.settings.configured.stop_timeout = 1h;
  fixture.settings.configured.stop = Fixture::shell("echo no bus; exit 5");
  SECTION("it runs") {
    fixture.run_gateway();
    auto const stopped = fixture.make().stop({});
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().message.find("ended with 5: no bus") != std::string::npos);
  }
  SECTION("it is gone") { CHECK(fixture.make().stop({})); }
}

TEST_CASE("operate: nothing is run for a gateway that could not be started again") {
  Fixture fixture;
  fixture.run_gateway();
  fixture.settings.configured.start.clear();
  auto const stopped = fixture.make().stop({});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().condition == Condition::refused);
  CHECK(path_exists(fixture.running));
}

TEST_CASE("operate: a stop that is requested ends the wait") {
  Fixture fixture;
  fixture.run_gateway();
  fixture.settings.configured.stop = Fixture::shell("true");
  fixture.settings.configured.stop_timeout = 1h;
  fixture.settings.look_interval = 1h;
  std::stop_source source;
  std::atomic<bool> looked = false;
  fixture.settings.probe = [&] {
    looked = true;
    source.request_stop();
    return GatewayState{Running::running, "", {}, {}};
  };
  auto const stopped = fixture.make().stop(source.get_token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().condition == Condition::cancelled);
  CHECK(looked);
}

TEST_CASE("operate: a gateway that does not come up is an outcome with its reason") {
  Fixture fixture;
  SECTION("the command fails") { fixture.settings.configured.start = Fixture::shell("echo unit failed; exit 1"); }
  SECTION("nothing comes") { fixture.settings.configured.start = Fixture::shell("true"); }
  auto const up = fixture.make().start({});
  REQUIRE(up);
  CHECK_FALSE(up->ready);
  CHECK((up->detail.find("unit failed") != std::string::npos || up->detail == "it has ended"));
}

TEST_CASE("operate: a start that fails, because another is still under way, is tried once more") {
  Fixture fixture;
  std::string const tried = fixture.scratch.path() + "/tried";
  fixture.settings.configured.start = Fixture::shell("[ -e " + tried + " ] || { touch " + tried + "; exit 1; }; touch " + fixture.running);
  auto const up = fixture.make().start({});
  REQUIRE(up);
  CHECK(up->ready);
}

TEST_CASE("operate: up means that somebody answers on the port, where one is known") {
  Fixture fixture;
  fixture.run_gateway();
  SECTION("well") {
    Listener const listener("HTTP/1.1 200 OK\r\n\r\n");
    fixture.settings.port = [&] { return listener.port; };
    CHECK(fixture.make().look().ready);
  }
  SECTION("not HTTP: it listens at least") {
    Listener const listener("");
    fixture.settings.port = [&] { return listener.port; };
    CHECK(fixture.make().look().ready);
  }
  SECTION("not ready yet") {
    Listener const listener("HTTP/1.1 503 Starting\r\n\r\n");
    fixture.settings.port = [&] { return listener.port; };
    CHECK_FALSE(fixture.make().look().ready);
  }
  SECTION("nobody") {
    std::uint16_t port = 0;
    { port = Listener("x").port; }
    fixture.settings.port = [port] { return port; };
    CHECK_FALSE(fixture.make().look().ready);
    CHECK(ask_health(port, 100ms).error().condition == Condition::unreachable);
  }
  SECTION("no port is known") { CHECK(fixture.make().look().ready); }
}

TEST_CASE("operate: doctor's end is told, and that there is none") {
  Fixture fixture;
  auto const none = fixture.make().doctor({});
  REQUIRE(none);
  CHECK_FALSE(none->ran);
  std::string const program = fixture.scratch.path() + "/openclaw";
  REQUIRE(atomic_write_file(program, "#!/bin/sh\necho \"$OPENCLAW_STATE_DIR $@\"\nexit $(cat $OPENCLAW_STATE_DIR/code)\n", 0755));
  fixture.settings.install.program = program;
  REQUIRE(atomic_write_file(fixture.scratch.path() + "/code", "0"));
  auto const good = fixture.make().doctor({});
  REQUIRE(good);
  CHECK(good->good);
  CHECK(good->text == fixture.scratch.path() + " doctor --non-interactive\n");
  REQUIRE(atomic_write_file(fixture.scratch.path() + "/code", "3"));
  auto const bad = fixture.make().doctor({});
  REQUIRE(bad);
  CHECK(bad->ran);
  CHECK_FALSE(bad->good);
}

TEST_CASE("operate: which database preflight is asked about") {
  CHECK(agent_of_database("agents/main/agent/openclaw-agent.sqlite") == "main");
  for (char const* other : {"agents//agent/openclaw-agent.sqlite", "agents/a/b/agent/openclaw-agent.sqlite", "state/openclaw.sqlite", ""})
    CHECK_FALSE(agent_of_database(other));
  Fixture fixture;
  std::string const program = fixture.scratch.path() + "/openclaw";
  REQUIRE(atomic_write_file(program, "#!/bin/sh\nprintf '{\"schema\":\"x-preflight\",\"status\":\"incompatible\",\"reason\":\"%s\"}' \"$*\"\nexit 1\n", 0755));
  CHECK_FALSE(*fixture.make().preflight("/copy", "state/openclaw.sqlite", {}));
  fixture.settings.install.program = program;
  auto gateway = fixture.make();
  auto const state = gateway.preflight("/copy", "state/openclaw.sqlite", {});
  REQUIRE((state && *state));
  CHECK((*state)->verdict == Preflight::Verdict::incompatible);
  CHECK((*state)->reason == "database preflight /copy --json");
  auto const agent = gateway.preflight("/copy", "agents/main/agent/openclaw-agent.sqlite", {});
  REQUIRE((agent && *agent));
  CHECK((*agent)->reason == "database preflight-agent /copy --agent-id main --json");
  CHECK_FALSE(*gateway.preflight("/copy", "memory/other.sqlite", {}));
}
