#include "core/control/server.h"

#include <future>
#include <thread>

#include <boost/json/object.hpp>

#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using namespace b2b::control::test;

TEST_CASE("a request is answered and the connection kept", "[server]") {
  TestServer server;
  server.server().route("GET", "/v1/snapshots/{id}/files", [](Request const& request, Responder responder) {
    responder.ok({{"id", request.parameter("id")}, {"path", request.query_value("path").value_or("none")}});
  });
  server.server().route("POST", "/v1/push", [](Request const& request, Responder responder) {
    responder.ok(request.json().value());
  });
  server.start();
  Wire wire(server.path());
  for (int i = 0; i < 3; ++i) {
    REQUIRE(wire.send(get("/v1/snapshots/a%2Fb/files?path=x%20y")));
    auto const answer = wire.answer();
    CHECK(status_of(answer) == 200);
    CHECK(answer.find("Content-Type: application/json\r\n") != std::string::npos);
    CHECK(answer.find("Connection: keep-alive\r\n") != std::string::npos);
    CHECK(body_of(answer) == "{\"ok\":true,\"id\":\"a/b\",\"path\":\"x y\"}\n");
  }
  REQUIRE(wire.send(post("/v1/push", R"({"dryRun":true})")));
  CHECK(body_of(wire.answer()) == "{\"ok\":true,\"dryRun\":true}\n");
  CHECK(server.connections() == 1);
  REQUIRE(wire.send(get("/nothing", "Connection: close\r\n")));
  auto const last = wire.answer();
  CHECK(status_of(last) == 404);
  CHECK(last.find("Connection: close\r\n") != std::string::npos);
  CHECK(wire.at_end());
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("HEAD has the length of GET and no body", "[server]") {
  TestServer server;
  server.server().route("GET", "/x", [](Request const& request, Responder responder) {
    responder.send(Response::text(request.method == "HEAD" ? "twelve bytes" : "other"));
  });
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  auto const answer = wire.to_end();
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("Content-Length: 12\r\n") != std::string::npos);
  CHECK(body_of(answer).empty());
}

TEST_CASE("pipelined requests are answered in order, one at a time", "[server]") {
  TestServer server;
  int running = 0;
  int most = 0;
  std::vector<std::thread> threads;
  server.server().route("POST", "/{n}", [&](Request const& request, Responder responder) {
    most = std::max(most, ++running);
    threads.emplace_back(
        [&, text = request.parameter("n") + request.body, mine = std::move(responder)]() mutable {
          server.on_thread([&] { --running; });
          mine.send(Response::text(text));
        });
  });
  server.start();
  Wire wire(server.path());
  std::string requests;
  for (int i = 0; i < 50; ++i)
    requests += post("/" + std::to_string(i), "b");
  REQUIRE(wire.send(requests));
  for (int i = 0; i < 50; ++i)
    CHECK(body_of(wire.answer()) == std::to_string(i) + "b");
  CHECK(most == 1);
  for (auto& thread : threads)
    thread.join();
}

TEST_CASE("a client that closes its half still gets its answers", "[server]") {
  TestServer server;
  std::promise<Responder> promised;
  server.server().route(
      "GET", "/late", [&](Request const&, Responder responder) { promised.set_value(std::move(responder)); });
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/late")));
  wire.half_close();
  auto responder = promised.get_future().get();
  server.on_thread([] {});  // the server had the time to notice
  CHECK_FALSE(responder.client_gone());
  responder.ok();
  CHECK(status_of(wire.answer()) == 200);
  CHECK(wire.at_end());
}

TEST_CASE("a request is handled even when its client does not wait", "[server]") {
  TestServer server;
  std::promise<std::string> promised;
  server.server().route("POST", "/v1/notify", [&](Request const& request, Responder responder) {
    responder.ok();
    promised.set_value(request.body);
  });
  server.start();
  {
    Wire wire(server.path());
    REQUIRE(wire.send(post("/v1/notify", R"({"event":"x"})")));
  }
  CHECK(promised.get_future().get() == R"({"event":"x"})");
  CHECK(server.wait_for_connections(0));
}

TEST_CASE("a handler may answer late, from another thread", "[server]") {
  TestServer server;
  std::vector<std::thread> threads;
  server.server().route("GET", "/late", [&](Request const&, Responder responder) {
    threads.emplace_back([mine = std::move(responder)]() mutable { mine.ok({{"late", true}}); });
  });
  server.server().route("GET", "/now", [](Request const&, Responder responder) { responder.ok(); });
  server.start();
  std::vector<std::unique_ptr<Wire>> wires;
  for (int i = 0; i < 20; ++i) {
    wires.push_back(std::make_unique<Wire>(server.path()));
    REQUIRE(wires.back()->send(get("/late") + get("/now")));
  }
  for (auto& wire : wires) {
    CHECK(body_of(wire->answer()) == "{\"ok\":true,\"late\":true}\n");
    CHECK(body_of(wire->answer()) == "{\"ok\":true}\n");
  }
  server.on_thread([] {});
  for (auto& thread : threads)
    thread.join();
}

TEST_CASE("a handler that never answers, or throws, is a 500", "[server]") {
  TestServer server;
  server.server().route("GET", "/never", [](Request const&, Responder) {});
  server.server().route("GET", "/throws",
                        [](Request const&, Responder) { throw std::runtime_error("oops"); });
  server.start();
  Wire wire(server.path());
  for (auto const* path : {"/never", "/throws"}) {
    REQUIRE(wire.send(get(path)));
    auto const answer = wire.answer();
    CHECK(status_of(answer) == 500);
    CHECK(body_of(answer).starts_with("{\"ok\":false,\"code\":\"internal\""));
  }
}

TEST_CASE("a client that goes away is noticed and its answer dropped", "[server]") {
  TestServer server;
  std::promise<Responder> promised;
  server.server().route(
      "GET", "/late", [&](Request const&, Responder responder) { promised.set_value(std::move(responder)); });
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/late")));
  auto responder = promised.get_future().get();
  CHECK_FALSE(responder.client_gone());
  wire.close();
  REQUIRE(server.wait_for_connections(0));
  CHECK(responder.client_gone());
  responder.ok();
}

TEST_CASE("a client that vanishes in the middle of a long answer harms nobody", "[server]") {
  TestServer server;
  server.server().route("GET", "/long", [](Request const&, Responder responder) {
    responder.send(Response::text(std::string(8 * 1024 * 1024, 'x')));
  });
  server.start();
  for (int i = 0; i < 5; ++i) {
    Wire wire(server.path());
    REQUIRE(wire.send(get("/long")));
    CHECK(wire.until("xxxx").starts_with("HTTP/1.1 200"));
  }
  REQUIRE(server.wait_for_connections(0));
  Wire wire(server.path());
  REQUIRE(wire.send(get("/long")));
  CHECK(body_of(wire.answer()).size() == 8 * 1024 * 1024);
}

TEST_CASE("100 Continue is said to who waits for it", "[server]") {
  TestServer server;
  server.server().route("POST", "/x", [](Request const& request, Responder responder) {
    responder.send(Response::text(request.body));
  });
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  CHECK(wire.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  REQUIRE(wire.send("abc"));
  CHECK(body_of(wire.answer()) == "abc");
}

TEST_CASE("a wrong method names the right ones", "[server]") {
  TestServer server;
  server.server().route("POST", "/v1/push", [](Request const&, Responder responder) { responder.ok(); });
  server.start();
  Wire wire(server.path());
  REQUIRE(wire.send(get("/v1/push")));
  auto const answer = wire.answer();
  CHECK(status_of(answer) == 405);
  CHECK(answer.find("Allow: POST\r\n") != std::string::npos);
}
