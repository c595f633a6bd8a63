#include <boost/json/object.hpp>

#include "core/control/event_stream.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using namespace b2b::control::test;
using std::chrono::milliseconds;

namespace {

struct Streaming {
  explicit Streaming(Limits const& limits = {}) : server(limits) {
    server.server().route_events("/v1/events", hub);
    server.server().route("GET", "/x", [](Request const&, Responder responder) { responder.ok(); });
    server.start();
  }
  bool wait_for_subscribers(std::size_t count) {
    for (int i = 0; i < 100'000; ++i) {
      if (hub.subscribers() == count) return true;
      server.on_thread([] {});
    }
    return false;
  }
  void publish(int from, int to) {
    for (int i = from; i <= to; ++i)
      hub.publish("tick", {{"n", i}});
  }
  EventHub hub{"r"};
  TestServer server;
};

}  // namespace

TEST_CASE("events are streamed as they happen", "[server_events]") {
  Streaming here;
  Wire wire(here.server.path());
  REQUIRE(wire.send(get("/v1/events")));
  auto const head = wire.until("\r\n\r\n");
  CHECK(status_of(head) == 200);
  CHECK(head.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(wire.until("\n\n") == ": events of b2backupd\n\n");
  for (int i = 1; i <= 3; ++i) {
    here.publish(i, i);
    auto const n = std::to_string(i);
    CHECK(wire.until("\n\n") == "id: r-" + n + "\nevent: tick\ndata: {\"n\":" + n + "}\n\n");
  }
  wire.close();
  CHECK(here.wait_for_subscribers(0));
  CHECK(here.server.wait_for_connections(0));
}

TEST_CASE("a listener resumes with Last-Event-ID", "[server_events]") {
  Streaming here;
  here.publish(1, 5);
  Wire wire(here.server.path());
  REQUIRE(wire.send(get("/v1/events", "Last-Event-ID: r-3\r\n")));
  wire.until("b2backupd\n\n");
  CHECK(wire.until("\n\n").starts_with("id: r-4\n"));
  CHECK(wire.until("\n\n").starts_with("id: r-5\n"));
  Wire stranger(here.server.path());
  REQUIRE(stranger.send(get("/v1/events", "Last-Event-ID: before-3\r\n")));
  stranger.until("b2backupd\n\n");
  CHECK(stranger.until("\n\n") == "event: gap\ndata: {\"missed\":null}\n\n");
  CHECK(stranger.until("\n\n").starts_with("id: r-1\n"));
}

TEST_CASE("HEAD on the events answers and ends", "[server_events]") {
  Streaming here;
  Wire wire(here.server.path());
  REQUIRE(wire.send("HEAD /v1/events HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(status_of(wire.to_end()) == 200);
  CHECK(here.hub.subscribers() == 0);
}

TEST_CASE("a silent stream says from time to time that it is there", "[server_events]") {
  Limits limits;
  limits.keep_alive = milliseconds(20);
  Streaming here(limits);
  Wire wire(here.server.path());
  REQUIRE(wire.send(get("/v1/events")));
  wire.until("b2backupd\n\n");
  CHECK(wire.until("\n\n") == ": still here\n\n");
  CHECK(wire.until("\n\n") == ": still here\n\n");
  wire.close();
  CHECK(here.server.wait_for_connections(0));
  CHECK(here.server.wake_ups_within(milliseconds(80)) == 0);
}

TEST_CASE("a listener that falls behind is told and closed, others are not", "[server_events]") {
  Streaming here;
  Wire slow(here.server.path());
  REQUIRE(slow.send(get("/v1/events")));
  Wire fast(here.server.path());
  REQUIRE(fast.send(get("/v1/events")));
  fast.until("b2backupd\n\n");
  REQUIRE(here.wait_for_subscribers(2));
  std::string const filling(8 * 1024, 'x');
  for (int i = 0; i < 600; ++i) {  // more than its queue and the kernel's buffers hold
    here.hub.publish("fill", {{"text", filling}});
    fast.until("\n\n");
  }
  // Now it reads: what was under way, and the reason.
  auto const all = slow.to_end();
  CHECK(all.ends_with("\n\n: this listener is too slow; connect again with Last-Event-ID\n\n"));
  CHECK(here.wait_for_subscribers(1));
  here.publish(1, 1);
  CHECK(fast.until("\n\n").find("tick") != std::string::npos);
  // It comes back where it was.
  auto const at = all.rfind("id: r-");
  auto const last = all.substr(at + 4, all.find('\n', at) - at - 4);
  Wire again(here.server.path());
  REQUIRE(again.send(get("/v1/events", "Last-Event-ID: " + last + "\r\n")));
  again.until("b2backupd\n\n");
  CHECK(again.until("\n\n").find("event: gap\n") != std::string::npos);
}

TEST_CASE("a listener that does not read at all is closed", "[server_events]") {
  Limits limits;
  limits.write_timeout = milliseconds(40);
  Streaming here(limits);
  Wire wire(here.server.path());
  REQUIRE(wire.send(get("/v1/events")));
  REQUIRE(here.wait_for_subscribers(1));
  std::string const filling(8 * 1024, 'x');
  for (int i = 0; i < 400; ++i) {
    here.hub.publish("fill", {{"text", filling}});
    here.server.on_thread([] {});
  }
  CHECK(here.server.wait_for_connections(0));
  CHECK(here.hub.subscribers() == 0);
}

TEST_CASE("listeners are bounded, and requests still find room", "[server_events]") {
  Streaming here;
  std::vector<std::unique_ptr<Wire>> wires;
  for (std::size_t i = 0; i < Limits{}.event_streams_max; ++i) {
    wires.push_back(std::make_unique<Wire>(here.server.path()));
    REQUIRE(wires.back()->send(get("/v1/events")));
    wires.back()->until("b2backupd\n\n");
  }
  Wire further(here.server.path());
  REQUIRE(further.send(get("/v1/events")));
  CHECK(status_of(further.answer()) == 503);
  Wire plain(here.server.path());
  REQUIRE(plain.send(get("/x")));
  CHECK(status_of(plain.answer()) == 200);
}
