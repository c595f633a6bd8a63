// daemonctl against a server with canned answers.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <mutex>

#include "core/control/responder.h"
#include "core/util/encoding.h"
#include "daemon/control/daemon.h"
#include "daemon/control/verbs.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::daemonctl;
using control::Request;
using control::Responder;
namespace json = boost::json;

namespace {

class FakeDaemon {
 public:
  FakeDaemon() { loaded.config.bucket = "bucket"; }

  // Answers with that, and keeps the request as "POST /v1/restore {…}".
  void answers(std::string const& method, std::string const& pattern, std::string const& answer) {
    route(method, pattern, [answer](Responder responder) { responder.ok(json::parse(answer).as_object()); });
  }
  void fails(std::string const& method, std::string const& pattern, Error const& error) {
    route(method, pattern, [error](Responder responder) { responder.fail(error); });
  }
  void route(std::string const& method, std::string const& pattern, std::function<void(Responder)> handler) {
    server.server().route(method, pattern, [this, handler](Request const& request, Responder responder) {
      {
        std::scoped_lock lock(mutex_);
        std::string line = request.method + " " + request.path;
        for (auto const& [key, value] : request.query) line += " " + key + "=" + value;
        requests_.push_back(line + (request.body.empty() ? "" : " " + request.body));
      }
      handler(std::move(responder));
    });
  }
  std::vector<std::string> requests() {
    std::scoped_lock lock(mutex_);
    return requests_;
  }

  // A session that talks to it.
  Session& session() {
    if (!session_) {
      server.start();
      arguments.socket = server.path();
      session_.emplace(Session{arguments, console, loaded, clock, stop.get_token(), nullptr});
      session_->jobs = remote_jobs(*session_);
    }
    return *session_;
  }

  control::test::TestServer server;
  Arguments arguments;
  Console console{true, true};
  LoadedConfig loaded;
  ManualClock clock{TimePoint{}};
  std::stop_source stop;

 private:
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::optional<Session> session_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("remote: each job is a request, and its answer comes back as it is") {
  FakeDaemon daemon;
  daemon.answers("POST", "/v1/push", R"({"snapshot":"s","complete":true})");
  daemon.answers("GET", "/v1/snapshots", R"({"snapshots":[]})");
  daemon.answers("POST", "/v1/verify", R"({"problems":[]})");
  daemon.answers("POST", "/v1/restore", R"({"restored":3})");
  daemon.answers("POST", "/v1/prune", R"({"paused":false})");
  daemon.answers("POST", "/v1/pin", R"({"snapshot":"s"})");
  daemon.answers("GET", "/v1/pinned", R"({"pins":[]})");
  daemon.answers("POST", "/v1/repair", R"({"problems":[]})");
  daemon.answers("POST", "/v1/forget", R"({"problems":[]})");
  JobSource& jobs = *daemon.session().jobs;
  CHECK(json::serialize(*jobs.run(Job::push, {{"dryRun", true}})) == R"({"snapshot":"s","complete":true})");
  CHECK(jobs.run(Job::snapshots, {}));
  CHECK(jobs.run(Job::snapshots, {{"all", true}}));
  CHECK(jobs.run(Job::verify, {{"readData", true}}));
  CHECK(json::serialize(*jobs.run(Job::restore, {{"snapshot", "latest"}, {"yes", true}})) == R"({"restored":3})");
  CHECK(jobs.run(Job::prune, {}));
  CHECK(jobs.run(Job::pin, {{"snapshot", "s"}}));
  CHECK(jobs.run(Job::pinned, {}));
  CHECK(jobs.run(Job::repair, {{"index", true}}));
  CHECK(jobs.run(Job::forget, {{"yes", true}}));
  CHECK(daemon.requests() == Lines{R"(POST /v1/push {"dryRun":true})", "GET /v1/snapshots", "GET /v1/snapshots all=1",
                                   R"(POST /v1/verify {"readData":true})",
                                   R"(POST /v1/restore {"snapshot":"latest","yes":true})", "POST /v1/prune {}",
                                   R"(POST /v1/pin {"snapshot":"s"})", "GET /v1/pinned", R"(POST /v1/repair {"index":true})",
                                   R"(POST /v1/forget {"yes":true})"});
}

TEST_CASE("remote: lists come row by row, names as they are") {
  FakeDaemon daemon;
  daemon.answers("GET", "/v1/snapshots/{id}/files", R"({"entries":[{"path":"a"},{"path":"b"}],"snapshot":"s","notes":["n"]})");
  daemon.answers("POST", "/v1/diff", R"({"changes":[{"path":"c","change":"added"}],"notes":[]})");
  JobSource& jobs = *daemon.session().jobs;
  Lines rows;
  auto const keep = [&](json::object&& row) -> Result<void> {
    rows.emplace_back(row.at("path").as_string());
    return {};
  };
  auto const rest = jobs.rows(Job::ls, {{"snapshot", "safety-1/x"}, {"path", "a b/ä&\xff"}}, keep);
  REQUIRE(rest);
  CHECK(json::serialize(*rest) == R"({"snapshot":"s","notes":["n"]})");
  CHECK(rows == Lines{"a", "b"});
  CHECK(daemon.requests() == Lines{"GET /v1/snapshots/safety-1%2Fx/files path=a b/ä&\xff"});
  rows.clear();
  CHECK(jobs.rows(Job::diff, {{"first", "x"}}, keep));
  CHECK(rows == Lines{"c"});
  auto const stopped = jobs.rows(Job::diff, {{"first", "x"}}, [](json::object&&) -> Result<void> {
    return make_error(Condition::io, "full");
  });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().message == "full");
}

TEST_CASE("remote: a file's content arrives as bytes, or not at all") {
  FakeDaemon daemon;
  std::string answer = R"({"path":"p","size":3,"contentBase64":"AP8K"})";
  daemon.route("POST", "/v1/cat", [&](Responder responder) { responder.ok(json::parse(answer).as_object()); });
  JobSource& jobs = *daemon.session().jobs;
  StringSink sink(100);
  REQUIRE(jobs.content({{"snapshot", "s"}, {"path", "p"}}, sink));
  CHECK(sink.text() == std::string("\0\xff\n", 3));
  for (std::string const broken : {R"({"size":4,"contentBase64":"AP8K"})", R"({"size":3,"contentBase64":"A"})"}) {
    answer = broken;
    StringSink none(100);
    auto const done = jobs.content({{"snapshot", "s"}, {"path", "p"}}, none);
    REQUIRE_FALSE(done);
    CHECK(done.error().condition == Condition::transit);
    CHECK(none.text().empty());
  }
}

TEST_CASE("remote: an error is the daemon's, and so is the exit code") {
  FakeDaemon daemon;
  daemon.fails("POST", "/v1/restore", make_error(Condition::refused, "files would be overwritten", "Say --yes"));
  daemon.fails("POST", "/v1/verify", make_error(Condition::unreachable, "the store is away"));
  daemon.fails("POST", "/v1/prune", make_error(Condition::busy, "another job"));
  daemon.fails("GET", "/v1/snapshots", make_error(Condition::bad_config, "no bucket"));
  daemon.answers("POST", "/v1/push", R"({"snapshot":"s","complete":false})");
  Session& session = daemon.session();
  auto const answer = session.jobs->run(Job::restore, {{"snapshot", "s"}});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::refused);
  CHECK(answer.error().text() == "files would be overwritten. Say --yes");
  RestoreArguments restore;
  restore.snapshot = "s";
  CHECK(run_verb(session, restore) == 77);
  CHECK(run_verb(session, VerifyArguments{}) == 69);
  CHECK(run_verb(session, PruneArguments{}) == 1);
  CHECK(run_verb(session, SnapshotsArguments{}) == 65);
  CHECK(run_verb(session, PushArguments{}) == 3);
}

TEST_CASE("remote: a relative target is made absolute, since the daemon is elsewhere") {
  FakeDaemon daemon;
  daemon.answers("POST", "/v1/restore", R"({"snapshot":"s","failed":[]})");
  RestoreArguments restore;
  restore.snapshot = "s";
  restore.target = "out/here";
  restore.yes = true;
  restore.no_safety = true;
  CHECK(run_verb(daemon.session(), restore) == 0);
  json::object expected{{"snapshot", "s"}, {"dryRun", false}, {"yes", true},
                        {"target", (std::filesystem::current_path() / "out/here").string()}, {"safety", false}};
  CHECK(daemon.requests() == Lines{"POST /v1/restore " + json::serialize(expected)});
}

TEST_CASE("remote: --no-wait is for the daemon") {
  FakeDaemon daemon;
  daemon.answers("POST", "/v1/push", R"({"accepted":true})");
  PushArguments push;
  push.no_wait = true;
  CHECK(run_verb(daemon.session(), push) == 0);
  CHECK(daemon.requests() == Lines{R"(POST /v1/push {"wait":false})"});
}

TEST_CASE("remote: what cannot be said in JSON is not sent") {
  FakeDaemon daemon;
  daemon.answers("POST", "/v1/cat", "{}");
  auto const answer = daemon.session().jobs->run(Job::cat, {{"snapshot", "s"}, {"path", "\xff"}});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::usage);
  CHECK(daemon.requests().empty());
}

TEST_CASE("remote: an interrupt cancels our job in the daemon and waits for its end") {
  FakeDaemon daemon;
  std::optional<Responder> waiting;  // on the server's thread only
  daemon.route("POST", "/v1/restore", [&](Responder responder) {
    waiting.emplace(std::move(responder));
    daemon.stop.request_stop();
  });
  daemon.answers("GET", "/v1/status", R"J({"jobs":[{"id":4,"what":"restore"},{"id":9,"what":"push (schedule)"},{"id":6,"what":"restore"}]})J");
  daemon.route("POST", "/v1/cancel", [&](Responder responder) {
    responder.ok({{"cancelled", 6}});
    waiting->fail(make_error(Condition::cancelled, "the restore was stopped", "Nothing was changed"));
  });
  auto const answer = daemon.session().jobs->run(Job::restore, {{"snapshot", "s"}});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::cancelled);
  CHECK(answer.error().message == "the restore was stopped");
  CHECK(exit_code_of(answer.error().condition) == 130);
  CHECK(daemon.requests() == Lines{R"(POST /v1/restore {"snapshot":"s"})", "GET /v1/status", R"(POST /v1/cancel {"job":6})"});
}

TEST_CASE("remote: an interrupt gives up a restore that waits for the gateway and is no job yet") {
  for (std::string const state : {"queued", "stopping-gateway", "done"}) {
    FakeDaemon daemon;
    std::optional<Responder> waiting;
    daemon.route("POST", "/v1/restore", [&](Responder responder) {
      waiting.emplace(std::move(responder));
      daemon.stop.request_stop();
    });
    daemon.route("GET", "/v1/status", [&](Responder responder) {
      responder.ok({{"jobs", boost::json::array()}, {"restore", {{"job", 12}, {"state", state}}}});
      if (state == "done") waiting->ok({{"restored", 1}});
    });
    daemon.route("POST", "/v1/cancel", [&](Responder responder) {
      responder.ok({{"cancelled", 12}});
      waiting->fail(make_error(Condition::cancelled, "it was cancelled before anything was changed"));
    });
    auto const answer = daemon.session().jobs->run(Job::restore, {{"snapshot", "s"}});
    CHECK(answer.has_value() == (state == "done"));
    Lines expected{R"(POST /v1/restore {"snapshot":"s"})", "GET /v1/status"};
    if (state != "done") expected.push_back(R"(POST /v1/cancel {"job":12})");
    CHECK(daemon.requests() == expected);
  }
}

TEST_CASE("remote: a daemon that does not take the interrupt is not waited for") {
  FakeDaemon daemon;
  std::optional<Responder> waiting;
  daemon.route("POST", "/v1/verify", [&](Responder responder) {
    waiting.emplace(std::move(responder));
    daemon.stop.request_stop();
  });
  daemon.fails("GET", "/v1/status", make_error(Condition::internal, "broken"));
  auto const answer = daemon.session().jobs->run(Job::verify, {});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().condition == Condition::cancelled);
  CHECK(answer.error().text().find("daemonctl status shows whether it still runs") != std::string::npos);
  daemon.server.on_thread([&] { waiting.reset(); });
}

TEST_CASE("remote: status, metrics and notify") {
  FakeDaemon daemon;
  daemon.answers("GET", "/v1/status", R"({"health":"ok"})");
  daemon.route("GET", "/metrics", [](Responder responder) { responder.send(control::Response::text("b2backupd_up 1\n")); });
  std::string answer = R"({"accepted":true})";
  daemon.route("POST", "/v1/notify", [&](Responder responder) { responder.ok(json::parse(answer).as_object()); });
  Session& session = daemon.session();
  CHECK(run_verb(session, StatusArguments{}) == 0);
  CHECK(run_verb(session, MetricsArguments{}) == 0);
  CHECK(run_verb(session, NotifyArguments{"gateway_stop", R"({"reason":"shutdown"})"}) == 0);
  answer = R"({"captured":true,"snapshot":"s"})";
  CHECK(run_verb(session, NotifyArguments{"before_compaction", ""}) == 0);
  answer = R"({"captured":false,"reason":"still under way"})";
  CHECK(run_verb(session, NotifyArguments{"before_compaction", ""}) == 3);
  CHECK(run_verb(session, NotifyArguments{"gateway_stop", "[1]"}) == 64);
  CHECK(run_verb(session, NotifyArguments{"gateway_stop", "{"}) == 64);
  CHECK(daemon.requests() == Lines{"GET /v1/status", "GET /metrics",
                                   R"(POST /v1/notify {"event":"gateway_stop","data":{"reason":"shutdown"}})",
                                   R"(POST /v1/notify {"event":"before_compaction"})",
                                   R"(POST /v1/notify {"event":"before_compaction"})"});
}

TEST_CASE("remote: events are printed until the stop, which is an interrupt") {
  FakeDaemon daemon;
  control::EventHub hub("run");
  daemon.server.server().route_events("/v1/events", hub);
  daemon.answers("GET", "/v1/status", R"({"health":"ok"})");
  Session& session = daemon.session();
  SECTION("events") {
    std::jthread const stopper([&] {
      while (hub.subscribers() == 0) std::this_thread::yield();
      hub.publish("captured", {{"snapshot", "s"}});
      daemon.stop.request_stop();
    });
    CHECK(run_verb(session, EventsArguments{}) == 130);
  }
  SECTION("status --watch") {
    std::jthread const stopper([&] {
      while (hub.subscribers() == 0) std::this_thread::yield();
      while (daemon.requests().empty()) std::this_thread::yield();
      std::size_t const before = daemon.requests().size();
      hub.publish("captured", {{"snapshot", "s"}});
      while (daemon.requests().size() == before) std::this_thread::yield();  // it looks again, because of the event
      daemon.stop.request_stop();
    });
    CHECK(run_verb(session, StatusArguments{true}) == 130);
  }
}

TEST_CASE("remote: without a daemon, what to do instead") {
  test::Scratch scratch;
  Arguments arguments;
  arguments.verb_name = "push";
  Config config;
  config.state_dir = scratch.path();
  CHECK(socket_path(arguments, config) == scratch.path() + "/b2backupd/daemon.sock");
  config.service.socket = "/run/x.sock";
  CHECK(socket_path(arguments, config) == "/run/x.sock");
  arguments.socket = "/y.sock";
  CHECK(socket_path(arguments, config) == "/y.sock");
  arguments.socket = scratch / "none.sock";

  auto const unconfigured = find_daemon(arguments, config);
  REQUIRE_FALSE(unconfigured);
  CHECK(exit_code_of(unconfigured.error().condition) == 65);
  for (std::string const word : {"nothing is configured yet", "daemonctl setup"})
    CHECK(unconfigured.error().text().find(word) != std::string::npos);

  config.bucket = "bucket";
  auto const mistyped = find_daemon(arguments, config);
  REQUIRE_FALSE(mistyped);
  CHECK(exit_code_of(mistyped.error().condition) == 69);
  CHECK(mistyped.error().text().find("there is no " + scratch / "none.sock") != std::string::npos);
  arguments.socket.clear();
  config.service.socket = scratch / "none.sock";
  Config elsewhere = config;
  elsewhere.state_dir = scratch / "gone";
  CHECK(find_daemon(arguments, elsewhere).error().text().find("gone does not exist") != std::string::npos);
  auto const stopped = find_daemon(arguments, config);
  REQUIRE_FALSE(stopped);
  CHECK(exit_code_of(stopped.error().condition) == 69);
  CHECK(stopped.error().text() == "the daemon is not running for " + scratch.path() +
                                      ". Start it: systemctl --user start b2backupd (without systemd: b2backupd). Or do it here, without "
                                      "the daemon: the same command with --direct, as in daemonctl --direct push");
  // What --direct does not take is not recommended.
  arguments.verb_name = "status";
  CHECK(find_daemon(arguments, config).error().text().find("--direct status") == std::string::npos);
  arguments.verb_name = "cancel";
  CHECK(find_daemon(arguments, config).error().text().find("--direct") == std::string::npos);
  arguments.profile = "work";
  CHECK(find_daemon(arguments, config).error().text().find("start b2backupd@work") != std::string::npos);
}
