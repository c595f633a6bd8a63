#include "core/control/client.h"

#include <cstring>
#include <future>
#include <thread>

#include <boost/json/object.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/control/socket_file.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using namespace b2b::control::test;
using std::chrono::milliseconds;

namespace {

Client client_of(std::string const& path) {
  ClientSettings settings;
  settings.socket_path = path;
  return Client(std::move(settings));
}

// A server that speaks only what a test lets it say, to one connection.
class Script {
 public:
  explicit Script(std::string answer, bool then_close = true)
      : file_(SocketFile::listen({scratch_ / "d/daemon.sock", "", "/tmp"}).value()),
        thread_([this, answer = std::move(answer), then_close](std::stop_token) {
          auto const listening = file_.take_descriptor();
          ::fcntl(listening.get(), F_SETFL, 0);
          UniqueFd const connection(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
          char bytes[1024];
          (void)!::recv(connection.get(), bytes, sizeof(bytes), 0);
          (void)!::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
          // Else: until the client gives up.
          if (!then_close) (void)!::recv(connection.get(), bytes, sizeof(bytes), 0);
        }) {}
  std::string const& path() const { return file_.path(); }

 private:
  b2b::test::Scratch scratch_;
  SocketFile file_;
  std::jthread thread_;
};

}  // namespace

TEST_CASE("a call gets its answer", "[client]") {
  TestServer server;
  server.server().route("POST", "/v1/push", [](Request const& request, Responder responder) {
    responder.ok({{"got", request.json().value()}, {"all", request.query_value("all").value_or("none")}});
  });
  server.start();
  auto const client = client_of(server.path());
  auto const answer = client.call_json({"POST", "/v1/push?all=1", R"({"dryRun":true})"}).value();
  CHECK(answer.at("ok") == true);
  CHECK(answer.at("got").at("dryRun") == true);
  CHECK(answer.at("all") == "1");
  std::stop_source stop;
  CHECK(client.call({"POST", "/v1/push", {}}, stop.get_token()).value().status == 200);
}

TEST_CASE("large bodies go both ways", "[client]") {
  TestServer server;
  server.server().route("POST", "/echo", [](Request const& request, Responder responder) {
    responder.send(Response::text(request.body + request.body));
  });
  server.start();
  std::string const body(1024 * 1024, 'x');
  auto const answer = client_of(server.path()).call({"POST", "/echo", body}).value();
  CHECK(answer.body.size() == 2 * body.size());
  CHECK(answer.content_type.starts_with("text/plain"));
  // One that is too long is refused while it is being sent.
  auto const refused = client_of(server.path()).call({"POST", "/echo", body + "x"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::usage);
  CHECK(refused.error().message.find("longer than") != std::string::npos);
}

TEST_CASE("the daemon's error is the client's error", "[client]") {
  TestServer server;
  server.server().route("GET", "/busy", [](Request const&, Responder responder) {
    responder.fail(make_error(Condition::busy, "a push is running", "Wait for it", "push"));
  });
  server.start();
  auto const client = client_of(server.path());
  auto const busy = client.call({"GET", "/busy", {}});
  REQUIRE_FALSE(busy);
  CHECK(busy.error().condition == Condition::busy);
  CHECK(busy.error().text() == "a push is running. Wait for it");
  CHECK(busy.error().subject == "push");
  CHECK(client.call({"GET", "/nothing", {}}).error().condition == Condition::not_found);
}

TEST_CASE("without a daemon the client says so and what to do", "[client]") {
  b2b::test::Scratch const scratch;
  std::string path;
  SECTION("no directory") {
    path = scratch / "missing/daemon.sock";
  }
  SECTION("no socket") {
    path = scratch / "daemon.sock";
  }
  SECTION("a path that is too long, and no endpoint") {
    path = scratch / (std::string(200, 'x') + "/daemon.sock");
  }
  SECTION("an endpoint file that leads nowhere") {
    path = scratch / "daemon.sock";
    atomic_write_file(scratch / "endpoint", (scratch / "gone.sock") + "\n").value();
  }
  SECTION("a socket of a dead server") {
    path = scratch / "daemon.sock";
    UniqueFd const fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(fd.get(), static_cast<sockaddr const*>(static_cast<void const*>(&address)),
                   sizeof(address)) == 0);
  }
  auto const result = client_of(path).call({"GET", "/v1/status", {}});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
  CHECK(result.error().message.starts_with("the daemon is not running"));
  CHECK(result.error().advice.find("daemonctl --direct") != std::string::npos);
}

TEST_CASE("a path that is too long is found by its endpoint file", "[client]") {
  b2b::test::Scratch const scratch;
  std::string const path = scratch / ("d/" + std::string(100, 'x') + "/daemon.sock");
  auto const file = SocketFile::listen({path, "", scratch.path()}).value();
  ClientSettings settings;
  settings.socket_path = path;
  Call call{"GET", "/x", {}};
  call.progress_timeout = milliseconds(1);
  auto const result = Client(settings).call(call);  // connects, and nobody answers
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "the daemon does not answer");
}

TEST_CASE("nothing is sent to a socket of somebody else", "[client]") {
  if (::geteuid() != 0) return;  // only root can give files away
  TestServer server;
  server.start();
  REQUIRE(::chown(server.path().c_str(), 65534, 65534) == 0);
  ClientSettings settings;
  settings.socket_path = server.path();
  auto const result = Client(settings).call({"GET", "/x", {}});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::permission);
  CHECK(server.connections() == 0);
  settings.also_trusted_user = 65534;
  CHECK(Client(settings).call({"GET", "/x", {}}).error().condition == Condition::not_found);
}

TEST_CASE("what is no socket is not talked to", "[client]") {
  b2b::test::Scratch const scratch;
  atomic_write_file(scratch / "daemon.sock", "x").value();
  CHECK(client_of(scratch / "daemon.sock").call({"GET", "/x", {}}).error().condition ==
        Condition::permission);
}

TEST_CASE("answers that make no sense are errors", "[client]") {
  auto const condition_of = [](std::string const& answer) {
    Script const script(answer);
    auto const result = client_of(script.path()).call_json({"GET", "/x", {}});
    REQUIRE_FALSE(result);
    return result.error().condition;
  };
  CHECK(condition_of("") == Condition::unreachable);
  CHECK(condition_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}") == Condition::unreachable);
  CHECK(condition_of("SSH-2.0-OpenSSH\r\n\r\n") == Condition::transit);
  CHECK(condition_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]") == Condition::transit);
  CHECK(condition_of("HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\n{}") == Condition::internal);
  CHECK(condition_of("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n") == Condition::usage);
}

TEST_CASE("a daemon that is stuck is given up on", "[client]") {
  std::string const answer =
      GENERATE(as<std::string>{}, "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  Script const script(answer, false);
  Call call{"GET", "/x", {}};
  call.progress_timeout = milliseconds(40);
  auto const result = client_of(script.path()).call(call);
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
  CHECK(result.error().message == "the daemon does not answer");
}

TEST_CASE("a stop ends a call that waits as long as it takes", "[client]") {
  Script const script("", false);
  Call call{"GET", "/x", {}};
  call.progress_timeout = milliseconds(0);
  std::stop_source stop;
  SECTION("before") {
    stop.request_stop();
  }
  SECTION("meanwhile") {}
  std::jthread const stopper([&] { stop.request_stop(); });
  auto const result = client_of(script.path()).call(call, stop.get_token());
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::cancelled);
  Wire const release(script.path());  // in case the script never saw a connection
}

TEST_CASE("a daemon whose queue is full is given up on", "[client]") {
  b2b::test::Scratch const scratch;
  auto file = SocketFile::listen({scratch / "d/daemon.sock", "", "/tmp"}).value();
  auto const listening = file.take_descriptor();
  REQUIRE(::listen(listening.get(), 0) == 0);
  Wire const first(file.path());  // fills the queue
  ClientSettings settings;
  settings.socket_path = file.path();
  settings.connect_timeout = milliseconds(60);
  auto const result = Client(settings).call({"GET", "/x", {}});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
}

TEST_CASE("events are called back until the caller has enough", "[client]") {
  EventHub hub("r");
  TestServer server;
  server.server().route_events("/v1/events", hub);
  server.start();
  hub.publish("one", {{"n", 1}});
  hub.publish("two", {{"n", 2}});
  std::vector<Event> events;
  auto const result = client_of(server.path()).events("/v1/events", "r-1", [&](Event const& event) {
    events.push_back(event);
    if (events.size() == 1) hub.publish("three", {{"n", 3}});
    return events.size() < 2;
  });
  CHECK(result);
  REQUIRE(events.size() == 2);
  CHECK(events[0].id == "r-2");
  CHECK(events[0].name == "two");
  CHECK(events[1].data == "{\"n\":3}");
}

TEST_CASE("the end of the daemon, or of patience, ends the events", "[client]") {
  EventHub hub("r");
  auto server = std::make_unique<TestServer>();
  server->server().route_events("/v1/events", hub);
  server->start();
  hub.publish("one", {});
  std::string const path = server->path();
  SECTION("the daemon stops") {
    auto const result = client_of(path).events("/v1/events", "r-0", [&](Event const&) {
      server.reset();
      return true;
    });
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::unreachable);
    CHECK(result.error().retryable);
  }
  SECTION("a stop is requested") {
    std::stop_source stop;
    auto const result = client_of(path).events(
        "/v1/events", "r-0",
        [&](Event const&) {
          stop.request_stop();
          return true;
        },
        stop.get_token());
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::cancelled);
  }
  SECTION("there are none at that address") {
    auto const result = client_of(path).events("/v1/nothing", "", [](Event const&) { return true; });
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::not_found);
  }
  SECTION("nothing comes for too long") {
    ClientSettings settings;
    settings.socket_path = path;
    settings.event_timeout = milliseconds(40);
    auto const result = Client(settings).events("/v1/events", "", [](Event const&) { return true; });
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "the daemon does not answer");
  }
}

TEST_CASE("calls from several threads at once", "[client]") {
  TestServer server;
  server.server().route("GET", "/{n}", [](Request const& request, Responder responder) {
    responder.send(Response::text(request.parameter("n")));
  });
  server.start();
  auto const client = client_of(server.path());
  std::vector<std::future<int>> right;
  for (int t = 0; t < 4; ++t) {
    right.push_back(std::async(std::launch::async, [&client, t] {
      int count = 0;
      for (int i = 0; i < 25; ++i) {
        auto const text = std::to_string(t * 100 + i);
        auto const answer = client.call({"GET", "/" + text, {}});
        if (answer && answer->body == text) ++count;
      }
      return count;
    }));
  }
  for (auto& future : right)
    CHECK(future.get() == 25);
}
