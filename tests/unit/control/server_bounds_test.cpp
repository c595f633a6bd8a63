// Every bound of the server.
#include <future>

#include <sys/resource.h>

#include "core/util/clock.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using namespace b2b::control::test;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds forever{600'000};

// Limits whose times never run out, to change one of them.
Limits patient() {
  Limits limits;
  limits.request_timeout = limits.idle_timeout = limits.write_timeout = limits.linger_timeout = forever;
  return limits;
}

void add_routes(TestServer& server) {
  server.server().route("GET", "/x", [](Request const&, Responder responder) { responder.ok(); });
  server.server().route("POST", "/x", [](Request const& request, Responder responder) {
    responder.send(Response::text(std::to_string(request.body.size())));
  });
  server.server().route("GET", "/long", [](Request const&, Responder responder) {
    responder.send(Response::text(std::string(8 * 1024 * 1024, 'x')));
  });
}

// Holds what is asked to wait, until the test is over.
struct Waiting {
  std::vector<Responder> responders;
  void add_route(TestServer& server) {
    server.server().route("GET", "/wait", [this](Request const&, Responder responder) {
      responders.push_back(std::move(responder));
    });
  }
};

}  // namespace

TEST_CASE("a body of 1 MiB is taken, one byte more is 413", "[server_bounds]") {
  TestServer server(patient());
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(post("/x", std::string(1024 * 1024, 'x'))));
  CHECK(body_of(wire.answer()) == "1048576");
  // Its client sends all of it before it reads, and still learns why.
  REQUIRE(wire.send(post("/x", std::string(1024 * 1024 + 1, 'x'))));
  auto const answer = wire.answer();
  CHECK(status_of(answer) == 413);
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(wire.at_end());
}

TEST_CASE("a head over 16 KB is 431", "[server_bounds]") {
  TestServer server(patient());
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/x", "X: " + std::string(16 * 1024, 'x') + "\r\n")));
  CHECK(status_of(wire.answer()) == 431);
  CHECK(wire.at_end());
}

TEST_CASE("what is no HTTP is 400 and the end", "[server_bounds]") {
  TestServer server(patient());
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/x") + "rubbish\r\n\r\n" + get("/x")));
  CHECK(status_of(wire.answer()) == 200);
  CHECK(status_of(wire.answer()) == 400);
  CHECK(wire.at_end());
}

TEST_CASE("who keeps sending after a refusal is closed in the end", "[server_bounds]") {
  auto limits = patient();
  SECTION("by time") {
    limits.linger_timeout = milliseconds(30);
  }
  SECTION("by bytes") {}
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send("rubbish\r\n\r\n"));
  CHECK(status_of(wire.answer()) == 400);
  if (limits.linger_timeout == forever) {
    std::string const piece(1024 * 1024, 'x');
    int pieces = 0;
    while (pieces < 20 && wire.send(piece))
      ++pieces;
    CHECK(pieces < 20);
  }
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("a request that does not come in time is 408 and the end", "[server_bounds]") {
  auto limits = patient();
  limits.request_timeout = milliseconds(40);
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire partial(server.path());
  REQUIRE(partial.send("GET /x HT"));
  CHECK(status_of(partial.answer()) == 408);
  CHECK(partial.at_end());
  Wire silent(server.path());
  CHECK(silent.to_end().empty());
  // The same for a later request on a connection, once it has begun.
  Wire later(server.path());
  REQUIRE(later.send(get("/x")));
  CHECK(status_of(later.answer()) == 200);
  REQUIRE(later.send(post("/x", "abc").substr(0, 40)));
  CHECK(status_of(later.answer()) == 408);
  CHECK(later.at_end());
}

TEST_CASE("sending a byte now and then does not buy time", "[server_bounds]") {
  auto limits = patient();
  limits.request_timeout = milliseconds(100);
  TestServer server(limits);
  add_routes(server);
  server.start();
  std::string const drip = GENERATE(as<std::string>{}, "x", "\r\n");
  Wire wire(server.path());
  if (drip == "x") REQUIRE(wire.send("GET /"));
  int sent = 0;
  while (sent < 2000 && !wire.readable_within(milliseconds(5)) && wire.send(drip))
    ++sent;
  CHECK(sent < 2000);
  CHECK(status_of(wire.to_end()) == (drip == "x" ? 408 : 0));
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("an idle connection is closed without a word", "[server_bounds]") {
  auto limits = patient();
  limits.idle_timeout = milliseconds(40);
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/x")));
  CHECK(status_of(wire.answer()) == 200);
  CHECK(wire.to_end().empty());
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("a request cut short is told so", "[server_bounds]") {
  TestServer server(patient());
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(post("/x", "abc").substr(0, 40)));
  wire.half_close();
  CHECK(status_of(wire.answer()) == 400);
  CHECK(wire.at_end());
}

TEST_CASE("who does not read the answer is closed", "[server_bounds]") {
  auto limits = patient();
  limits.write_timeout = milliseconds(40);
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/long")));
  REQUIRE(server.wait_for_connections(1));
  CHECK(server.wait_for_connections(0));
  CHECK(wire.to_end().size() < 8 * 1024 * 1024);
}

TEST_CASE("an answer over the bound is an error instead", "[server_bounds]") {
  auto limits = patient();
  limits.answer_max_bytes = 8 * 1024 * 1024 - 1;
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/long")));
  auto const answer = wire.answer();
  CHECK(status_of(answer) == 403);
  CHECK(body_of(answer).starts_with("{\"ok\":false,\"code\":\"limit\""));
}

TEST_CASE("with 64 connections that wait for answers, the next is 503", "[server_bounds]") {
  Waiting waiting;
  TestServer server(patient());
  add_routes(server);
  waiting.add_route(server);
  server.start();
  std::vector<std::unique_ptr<Wire>> wires;
  for (int i = 0; i < 64; ++i) {
    wires.push_back(std::make_unique<Wire>(server.path()));
    REQUIRE(wires.back()->send(get("/wait")));
    while (true) {
      std::size_t count = 0;
      server.on_thread([&] { count = waiting.responders.size(); });
      if (count == wires.size()) break;
    }
  }
  CHECK(server.connections() == 64);
  Wire further(server.path());
  further.send(get("/x"));
  auto const answer = further.answer();
  CHECK(status_of(answer) == 503);
  CHECK(body_of(answer).starts_with("{\"ok\":false,\"code\":\"busy\""));
  CHECK(further.at_end());
  // The others are none the worse, and one that ends makes room.
  server.on_thread([&] {
    for (auto& responder : waiting.responders)
      responder.ok();
    waiting.responders.clear();
  });
  for (auto& wire : wires)
    CHECK(status_of(wire->answer()) == 200);
  Wire now(server.path());
  REQUIRE(now.send(get("/x")));
  CHECK(status_of(now.answer()) == 200);
}

TEST_CASE("an idle connection gives way before one that is sending", "[server_bounds]") {
  auto limits = patient();
  limits.connections_max = 2;
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire sending(server.path());
  REQUIRE(sending.send("GET /x HTTP/1.1\r\n"));
  Wire idle(server.path());
  REQUIRE(idle.send(get("/x")));
  CHECK(status_of(idle.answer()) == 200);
  Wire third(server.path());
  REQUIRE(third.send(get("/x")));
  CHECK(status_of(third.answer()) == 200);
  CHECK(idle.at_end());
  REQUIRE(sending.send("Host: a\r\n\r\n"));
  CHECK(status_of(sending.answer()) == 200);
}

TEST_CASE("those that got their last answer give way first", "[server_bounds]") {
  auto limits = patient();
  limits.connections_max = 3;
  TestServer server(limits);
  add_routes(server);
  server.start();
  Wire idle(server.path());
  REQUIRE(idle.send(get("/x")));
  CHECK(status_of(idle.answer()) == 200);
  // They could be closed, but for their clients, who may not have read that answer yet.
  Wire one(server.path());
  REQUIRE(one.send("rubbish\r\n\r\n"));
  CHECK(status_of(one.answer()) == 400);
  Wire other(server.path());
  REQUIRE(other.send("rubbish\r\n\r\n"));
  CHECK(status_of(other.answer()) == 400);
  for (int i = 0; i < 2; ++i) {
    Wire further(server.path());
    REQUIRE(further.send(get("/x")));
    CHECK(status_of(further.answer()) == 200);
  }
  REQUIRE(idle.send(get("/x")));
  CHECK(status_of(idle.answer()) == 200);
}

TEST_CASE("a thousand slow clients do not keep a fast one waiting", "[server_bounds]") {
  std::size_t slow = 1000;
  rlimit files{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  if (files.rlim_cur < slow + 300) {
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, slow + 300);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_cur < slow + 300) slow = files.rlim_cur / 2;  // a machine that allows no more
  }
  TestServer server(patient());
  add_routes(server);
  server.start();
  std::vector<std::unique_ptr<Wire>> wires;
  milliseconds longest{0};
  for (std::size_t i = 0; i < slow; ++i) {
    wires.push_back(std::make_unique<Wire>(server.path()));
    REQUIRE(wires.back()->connected());
    wires.back()->send("GET /x HTTP/1.1\r\nX-Slow: ");  // an early one may be closed already
    if (i % 50 != 49) continue;
    auto const before = system_clock().monotonic();
    Wire fast(server.path());
    REQUIRE(fast.send(get("/x")));
    CHECK(status_of(fast.answer()) == 200);
    longest =
        std::max(longest, std::chrono::duration_cast<milliseconds>(system_clock().monotonic() - before));
  }
  CHECK(longest < std::chrono::seconds(1));
  CHECK(server.connections() <= 64);
}

TEST_CASE("without connections the event loop has nothing to wake up for", "[server_bounds]") {
  Limits limits;
  limits.request_timeout = limits.idle_timeout = limits.write_timeout = limits.linger_timeout =
      milliseconds(30);
  TestServer server(limits);
  add_routes(server);
  server.start();
  {
    Wire wire(server.path());
    REQUIRE(wire.send(get("/x")));
    CHECK(status_of(wire.answer()) == 200);
    Wire broken(server.path());
    REQUIRE(broken.send("rubbish\r\n\r\n"));
    CHECK(status_of(broken.answer()) == 400);
  }
  REQUIRE(server.wait_for_connections(0));
  CHECK(server.wake_ups_within(milliseconds(120)) == 0);
  // With one that is idle there is exactly its timer.
  Wire idle(server.path());
  REQUIRE(server.wait_for_connections(1));
  CHECK(server.wake_ups_within(milliseconds(120)) > 0);
}
