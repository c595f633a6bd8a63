// Who is let in.
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/control/peer.h"
#include "core/util/log.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using namespace b2b::control::test;

namespace {

struct QuietLog {
  QuietLog() {
    set_log_sink([](LogLevel, std::string_view) {});
  }
  ~QuietLog() { set_log_sink({}); }
};

void add_route(TestServer& server) {
  server.server().route("GET", "/x", [](Request const&, Responder responder) { responder.ok(); });
}

}  // namespace

TEST_CASE("the kernel says who is connected", "[server_peer]") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  UniqueFd const one(ends[0]);
  UniqueFd const other(ends[1]);
  CHECK(peer_user(one.get()).value() == ::geteuid());
  CHECK_FALSE(peer_user(-1));
  CHECK(is_us_or_root(::geteuid()));
  CHECK(is_us_or_root(0));
  CHECK_FALSE(is_us_or_root(::geteuid() + 1));
}

TEST_CASE("we and root are let in, others are not", "[server_peer]") {
  QuietLog const quiet;
  unsigned user = 0;
  SECTION("root") {
    user = 0;
  }
  SECTION("ourselves") {
    user = ::geteuid();
  }
  SECTION("somebody else") {
    user = ::geteuid() + 1;
  }
  TestServer server({}, [user](int) -> Result<unsigned> { return user; });
  add_route(server);
  server.start();
  Wire wire(server.path());
  wire.send(get("/x"));
  auto const answer = wire.answer();
  if (user == ::geteuid() + 1) {
    CHECK(status_of(answer) == 403);
    CHECK(body_of(answer).starts_with("{\"ok\":false,\"code\":\"permission\""));
    CHECK(wire.at_end());
  } else {
    CHECK(status_of(answer) == 200);
  }
}

TEST_CASE("who cannot be told is not let in", "[server_peer]") {
  QuietLog const quiet;
  TestServer server({}, [](int) -> Result<unsigned> { return make_error(Condition::io, "no idea"); });
  add_route(server);
  server.start();
  Wire wire(server.path());
  CHECK(status_of(wire.answer()) == 403);
}

TEST_CASE("refused connections are bounded and take nobody's place", "[server_peer]") {
  QuietLog const quiet;
  Limits limits;
  limits.refused_max = 2;
  limits.linger_timeout = std::chrono::seconds(60);
  int connections = 0;
  TestServer server(
      limits, [&](int) -> Result<unsigned> { return ++connections <= 5 ? ::geteuid() + 1 : ::geteuid(); });
  add_route(server);
  server.start();
  std::vector<std::unique_ptr<Wire>> wires;
  int told = 0;
  for (int i = 0; i < 5; ++i) {
    wires.push_back(std::make_unique<Wire>(server.path()));
    if (status_of(wires.back()->answer()) == 403) ++told;
  }
  CHECK(told == 2);  // the others are closed without a word
  CHECK(server.connections() == 0);
  Wire wire(server.path());
  wire.send(get("/x"));
  CHECK(status_of(wire.answer()) == 200);
}

TEST_CASE("another user is refused by the real check", "[server_peer]") {
  if (::geteuid() != 0) return;  // becoming somebody else takes root
  QuietLog const quiet;
  TestServer server;
  add_route(server);
  server.start();
  // The modes would keep them out; the credentials must do it alone.
  for (auto const& directory : {parent_path(server.directory()), server.directory()})
    REQUIRE(::chmod(directory.c_str(), 0755) == 0);
  REQUIRE(::chmod(server.path().c_str(), 0666) == 0);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::string const path = server.path();
  std::string const request = get("/x");
  // Only plain system calls in the child: other threads may have held locks when it was made.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  auto const* plain = static_cast<sockaddr const*>(static_cast<void const*>(&address));
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(fd, plain, sizeof(address)) != 0) ::_exit(3);
    [[maybe_unused]] auto const sent = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char bytes[4096];
    for (ssize_t got = 0; (got = ::recv(fd, bytes, sizeof(bytes), 0)) > 0;) {
      [[maybe_unused]] auto const told = ::write(ends[1], bytes, static_cast<std::size_t>(got));
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string answer;
  char bytes[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], bytes, sizeof(bytes))) > 0;)
    answer.append(bytes, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(status_of(answer) == 403);
  Wire wire(server.path());
  REQUIRE(wire.send(request));
  CHECK(status_of(wire.answer()) == 200);  // root, meanwhile, is served
}
