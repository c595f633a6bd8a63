#include "core/gateway/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "core/gateway/process.h"
#include "core/util/file.h"
#include "helper_process.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;
using Running = GatewayState::Running;

namespace {

// A state directory with the lock files of a gateway.
struct State {
  Scratch scratch;
  std::string root = scratch / "state";
  std::string lock = root + "/tmp/openclaw-" + std::to_string(::geteuid());

  State() { REQUIRE(make_directories(root)); }
  void write(std::string const& path, std::string const& content) const {
    REQUIRE(make_directories(parent_path(path)));
    REQUIRE(atomic_write_file(path, content));
  }
  void record(std::string const& json) const { write(lock + "/gateway.state.lock", json); }
  void lock_file() const { write(lock + "/gateway.state.lock.sqlite", ""); }
};

// As SQLite does for BEGIN EXCLUSIVE.
bool take_lock(std::string const& path) {
  int const fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000;
  lock.l_len = 512;
  return fd >= 0 && ::fcntl(fd, F_SETLK, &lock) == 0;
}

std::string record_of(pid_t pid, std::string const& start_time, std::string const& more = "") {
  return R"({"pid":)" + std::to_string(pid) + R"(,"port":18789,"startTime":)" + start_time + more + "}";
}

std::string ticks_of(pid_t pid) { return std::to_string(process_info(pid).value().start_ticks); }

// A pid that nobody has: of a child that has ended.
pid_t dead_pid() {
  HelperProcess helper([] { return true; });
  pid_t const pid = helper.pid();
  helper.end();
  return pid;
}

}  // namespace

TEST_CASE("without any sign the gateway is stopped") {
  State const state;
  CHECK(probe_gateway(state.root).running == Running::stopped);
  CHECK(probe_gateway(state.root + "/none").running == Running::stopped);
  REQUIRE(make_directories(state.lock));
  CHECK(probe_gateway(state.root).running == Running::stopped);
}

TEST_CASE("a held lock means running, a free one stopped") {
  State const state;
  state.lock_file();
  CHECK(probe_gateway(state.root).running == Running::stopped);
  HelperProcess gateway([&] { return take_lock(state.lock + "/gateway.state.lock.sqlite"); });
  state.record(record_of(gateway.pid(), ticks_of(gateway.pid())));
  auto const answer = probe_gateway(state.root + "/");
  CHECK(answer.running == Running::running);
  CHECK(answer.pid == gateway.pid());
  CHECK(answer.port == 18789);
  CHECK(answer.detail.find("pid " + std::to_string(gateway.pid())) != std::string::npos);
  CHECK(answer.detail.find("port 18789") != std::string::npos);
  gateway.end();  // as after SIGKILL: the record stays
  CHECK(probe_gateway(state.root).running == Running::stopped);
}

TEST_CASE("a command that has the lock is named for what it is") {
  State const state;
  state.lock_file();
  HelperProcess holder([&] { return take_lock(state.lock + "/gateway.state.lock.sqlite"); });
  std::string const pid = std::to_string(holder.pid());
  struct Case {
    std::string role, detail;
  };
  for (auto const& [role, detail] : {Case{"agent-embedded", "an agent in a terminal (`openclaw agent --local`, pid " + pid + ") works on this state"},
                                     Case{"sqlite-maintenance", "a repair of databases (`openclaw doctor`, pid " + pid + ") works on this state"},
                                     Case{R"(a\nrole)", R"(a command of OpenClaw's (a\nrole, pid )" + pid + ") works on this state"}}) {
    state.record(R"({"pid":)" + pid + R"(,"role":")" + role + R"("})");
    auto const answer = probe_gateway(state.root);
    CHECK(answer.running == Running::running);
    CHECK(is_held_by_command(answer));
    CHECK(answer.detail == detail);
  }
  // The gateway's own, and what a former holder left.
  state.record(record_of(holder.pid(), "1", R"(,"role":"gateway")"));
  CHECK_FALSE(is_held_by_command(probe_gateway(state.root)));
  state.record(record_of(dead_pid(), "1", R"(,"role":"agent-embedded")"));
  CHECK(probe_gateway(state.root).detail == "the gateway (pid " + pid + ", port 18789) holds its lock");
  CHECK_FALSE(is_held_by_command(probe_gateway(state.root)));
  holder.end();
  CHECK_FALSE(is_held_by_command(probe_gateway(state.root)));
}

TEST_CASE("a lock of another range of bytes is not the gateway's") {
  State const state;
  state.lock_file();
  HelperProcess const other([&] {
    int const fd = ::open((state.lock + "/gateway.state.lock.sqlite").c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_len = 100;
    return ::fcntl(fd, F_SETLK, &lock) == 0;
  });
  CHECK(probe_gateway(state.root).running == Running::stopped);
}

TEST_CASE("the record alone: a living writer runs, a dead or replaced one does not") {
  State const state;
  HelperProcess const gateway([] { return true; });
  auto answer = [&](std::string const& record) {
    state.record(record);
    return probe_gateway(state.root).running;
  };
  CHECK(answer(record_of(gateway.pid(), ticks_of(gateway.pid()))) == Running::running);
  auto const started = start_time_ms(process_info(gateway.pid()).value());
  REQUIRE(started);
  CHECK(answer(record_of(gateway.pid(), std::to_string(*started))) == Running::running);
  CHECK(answer(record_of(gateway.pid(), std::to_string(*started + 2000) + ".5")) == Running::running);
  CHECK(answer(record_of(gateway.pid(), std::to_string(*started - 60'000))) == Running::stopped);  // the number was given again
  CHECK(answer(record_of(gateway.pid(), "null")) == Running::unknown);
  CHECK(answer(R"({"port":18789})") == Running::unknown);
  CHECK(answer("not JSON") == Running::unknown);
  CHECK(answer("[1]") == Running::unknown);
  CHECK(answer(R"({"pid":-1,"port":99999})") == Running::unknown);
  CHECK(answer(record_of(dead_pid(), "1")) == Running::stopped);
  CHECK(answer(std::string(100'000, ' ') + "{}") == Running::unknown);

  // The signs contradict each other: it is alive, and its lock is free.
  state.lock_file();
  CHECK(answer(record_of(gateway.pid(), ticks_of(gateway.pid()))) == Running::unknown);
  CHECK(answer(record_of(dead_pid(), "1")) == Running::stopped);
  CHECK(answer("not JSON") == Running::stopped);
}

TEST_CASE("locks that cannot be read leave it unknown") {
  State const state;
  state.lock_file();
  REQUIRE(::chmod(state.scratch.path().c_str(), 0755) == 0);
  REQUIRE(::chmod(state.root.c_str(), 0755) == 0);
  REQUIRE(::chmod((state.root + "/tmp").c_str(), 0755) == 0);
  REQUIRE(::chmod(state.lock.c_str(), 0755) == 0);
  REQUIRE(::chmod((state.lock + "/gateway.state.lock.sqlite").c_str(), 0) == 0);
  bool const root = ::geteuid() == 0;
  if (root) REQUIRE(::seteuid(65534) == 0);
  auto const file_closed = probe_gateway(state.root).running;
  if (root) REQUIRE(::seteuid(0) == 0);
  REQUIRE(::chmod((state.root + "/tmp").c_str(), 0) == 0);
  if (root) REQUIRE(::seteuid(65534) == 0);
  auto const directory_closed = probe_gateway(state.root).running;
  if (root) REQUIRE(::seteuid(0) == 0);
  REQUIRE(::chmod((state.root + "/tmp").c_str(), 0755) == 0);
  CHECK(file_closed == Running::unknown);
  CHECK(directory_closed == Running::unknown);

  State const linked;
  REQUIRE(make_directories(linked.lock));
  REQUIRE(::symlink("/dev/null", (linked.lock + "/gateway.state.lock.sqlite").c_str()) == 0);
  CHECK(probe_gateway(linked.root).running == Running::unknown);
}

TEST_CASE("old releases keep their lock in the temporary directory, for all state directories") {
  State const state;
  Scratch const temporary;
  char const* const before = std::getenv("TMPDIR");
  std::string const old_value = before != nullptr ? before : "";
  REQUIRE(::setenv("TMPDIR", (temporary.path() + "/").c_str(), 1) == 0);
  std::string const lock = temporary / ("openclaw-" + std::to_string(::geteuid()) + "/gateway.1a2b3c4d.lock");
  HelperProcess const gateway([] { return true; });
  auto answer = [&](pid_t pid, std::string const& config) {
    state.write(lock, record_of(pid, ticks_of(gateway.pid()), R"(,"configPath":")" + config + "\""));
    return probe_gateway(state.root).running;
  };
  CHECK(answer(gateway.pid(), state.root + "/openclaw.json") == Running::running);
  CHECK(answer(gateway.pid(), state.root + "-other/openclaw.json") == Running::stopped);
  CHECK(answer(dead_pid(), state.root + "/openclaw.json") == Running::stopped);
  if (before != nullptr) {
    ::setenv("TMPDIR", old_value.c_str(), 1);
  } else {
    ::unsetenv("TMPDIR");
  }
}

TEST_CASE("somebody on the configured port makes a silent state directory unknown") {
  State const state;
  UniqueFd const listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  std::uint16_t const port = ntohs(address.sin_port);
  CHECK(probe_gateway(state.root, port).running == Running::stopped);  // bound, but nobody listens
  REQUIRE(::listen(listener.get(), 1) == 0);
  CHECK(somebody_listens(port) == true);
  CHECK(probe_gateway(state.root, port).running == Running::unknown);
  CHECK(probe_gateway(state.root).running == Running::stopped);
  state.lock_file();  // a free lock of today's release is a better sign than a port
  CHECK(probe_gateway(state.root, port).running == Running::stopped);
}
