// The server's end, with everything open that can be.
#include <future>
#include <thread>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using namespace b2b::control::test;
using std::chrono::milliseconds;

namespace {

struct Stopping {
  explicit Stopping(Limits const& limits = {}) : server(limits) {
    server.server().route("GET", "/x", [](Request const&, Responder responder) { responder.ok(); });
    server.server().route("GET", "/wait", [this](Request const&, Responder responder) {
      waiting.set_value(std::move(responder));
    });
    server.server().route_events("/v1/events", hub);
    server.start();
  }
  std::future<void> stop() {
    server.on_thread([this] { server.server().stop([this] { stopped.set_value(); }); });
    return stopped.get_future();
  }
  EventHub hub{"r"};
  std::promise<Responder> waiting;
  std::promise<void> stopped;
  TestServer server;
};

bool within_ten_seconds(std::future<void> const& future) {
  return future.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
}

}  // namespace

TEST_CASE("without connections a stop is over at once", "[server_stop]") {
  Stopping here;
  auto const stopped = here.stop();
  CHECK(within_ten_seconds(stopped));
  CHECK_FALSE(path_exists(here.server.path()));
  CHECK_FALSE(Wire(here.server.path()).connected());
  CHECK(here.server.wake_ups_within(milliseconds(20)) == 0);
}

TEST_CASE("a stop ends what is idle and lets answers finish", "[server_stop]") {
  Limits limits;
  limits.stop_timeout = std::chrono::seconds(60);
  Stopping here(limits);
  Wire idle(here.server.path());
  REQUIRE(idle.send(get("/x")));
  CHECK(status_of(idle.answer()) == 200);
  Wire partial(here.server.path());
  REQUIRE(partial.send("GET /x HT"));
  Wire listener(here.server.path());
  REQUIRE(listener.send(get("/v1/events")));
  listener.until("b2backupd\n\n");
  Wire waiting(here.server.path());
  REQUIRE(waiting.send(get("/wait")));
  auto responder = here.waiting.get_future().get();

  auto const stopped = here.stop();
  CHECK_FALSE(path_exists(here.server.path()));
  CHECK(idle.at_end());
  CHECK(partial.at_end());
  CHECK(listener.to_end() == ": the daemon is stopping\n\n");
  CHECK(stopped.wait_for(milliseconds(0)) == std::future_status::timeout);
  responder.ok();
  auto const answer = waiting.answer();
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(waiting.at_end());
  CHECK(within_ten_seconds(stopped));
}

TEST_CASE("a stop does not wait for ever", "[server_stop]") {
  Limits limits;
  limits.stop_timeout = milliseconds(30);
  Stopping here(limits);
  Wire waiting(here.server.path());
  REQUIRE(waiting.send(get("/wait")));
  auto responder = here.waiting.get_future().get();
  auto const stopped = here.stop();
  CHECK(within_ten_seconds(stopped));
  CHECK(waiting.at_end());
  CHECK(responder.client_gone());
  responder.ok();
}

TEST_CASE("answers and events that come after the server's end are dropped", "[server_stop]") {
  auto hub = std::make_unique<EventHub>("r");
  std::promise<Responder> promised;
  TestServer server;
  server.server().route(
      "GET", "/wait", [&](Request const&, Responder responder) { promised.set_value(std::move(responder)); });
  server.server().route_events("/v1/events", *hub);
  server.start();
  Wire waiting(server.path());
  REQUIRE(waiting.send(get("/wait")));
  Wire listener(server.path());
  REQUIRE(listener.send(get("/v1/events")));
  listener.until("b2backupd\n\n");
  auto responder = promised.get_future().get();
  SECTION("of the server alone") {
    server.destroy_server();
  }
  SECTION("of its event loop as well") {
    server.end();
  }
  CHECK(waiting.at_end());
  CHECK(listener.at_end());
  CHECK(hub->subscribers() == 0);
  hub->publish("late", {});
  CHECK(responder.client_gone());
  std::thread([mine = std::move(responder)]() mutable { mine.ok(); }).join();
}

TEST_CASE("threads that answer and publish while the server ends", "[server_stop]") {
  for (int round = 0; round < 10; ++round) {
    EventHub hub("r");
    TestServer server;
    std::vector<std::jthread> threads;
    std::promise<void> begun;
    server.server().route("GET", "/race", [&](Request const&, Responder responder) {
      threads.emplace_back([mine = std::move(responder)]() mutable { mine.ok(); });
      if (threads.size() == 1) begun.set_value();
    });
    server.server().route_events("/v1/events", hub);
    server.start();
    Wire listener(server.path());
    REQUIRE(listener.send(get("/v1/events")));
    Wire wire(server.path());
    REQUIRE(wire.send(get("/race") + get("/race") + get("/race")));
    begun.get_future().wait();
    std::jthread publisher([&hub] {
      for (int i = 0; i < 100; ++i)
        hub.publish("tick", {});
    });
    server.end();
  }
  SUCCEED();
}
