#include "core/notify/healthcheck.h"

#include "core/util/log.h"
#include "tests/support/catch.h"
#include "tests/support/fake_s3/certificate.h"
#include "tests/support/fake_s3/server.h"
#include "tests/support/scratch.h"
#include "tests/unit/notify/ping_server.h"

using namespace b2b;
using namespace std::chrono_literals;
using test::PingServer;

namespace {

HealthcheckSettings settings_for(std::string const& url) {
  HealthcheckSettings settings;
  settings.url = Secret(url);
  settings.first_wait = 1ms;
  settings.timeout = 30s;
  return settings;
}

Result<void> ping(std::string const& url, Ping kind, std::string_view report = {}) {
  return send_ping(settings_for(url), kind, report, system_clock(), {});
}

}  // namespace

TEST_CASE("healthcheck: what is sent") {
  PingServer const server([](std::size_t) { return 200u; });
  CHECK(ping(server.url("/ping/x"), Ping::start));
  CHECK(ping(server.url("/ping/x?create=1"), Ping::success, "3 files \xe2\x82\xac"));
  CHECK(ping(server.url("/ping/x"), Ping::failure, std::string(9'999, 'x') + "\xe2\x82\xac and more"));
  auto const requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].line == "GET /ping/x/start HTTP/1.1");
  CHECK(requests[0].head.find("\r\nHost: 127.0.0.1:") != std::string::npos);
  CHECK(requests[0].head.find("Content-Length") == std::string::npos);
  CHECK(requests[1].line == "POST /ping/x?create=1 HTTP/1.1");
  CHECK(requests[1].body == "3 files \xe2\x82\xac");
  CHECK(requests[2].line == "POST /ping/x/fail HTTP/1.1");
  CHECK(requests[2].body == std::string(9'999, 'x'));  // 10,000 bytes would end in half a character
}

TEST_CASE("healthcheck: tries again where that may help") {
  PingServer const flaky([](std::size_t n) { return n < 2 ? 503u : 200u; });
  CHECK(ping(flaky.url("/x"), Ping::success));
  CHECK(flaky.requests().size() == 3);

  PingServer const down([](std::size_t) { return 500u; });
  auto const failed = ping(down.url("/hunter2"), Ping::success);
  REQUIRE(failed.has_error());
  CHECK(failed.error().condition == Condition::unreachable);
  CHECK(failed.error().http_status == 500);
  CHECK(failed.error().message == "the health check at 127.0.0.1 could not be told: it answered HTTP 500");
  CHECK(down.requests().size() == 3);
}

TEST_CASE("healthcheck: answers that are no success") {
  unsigned status = 0;
  PingServer const server([&](std::size_t) { return status; });
  for (auto const& [given, condition] :
       {std::pair{404u, Condition::not_found}, std::pair{403u, Condition::permission},
        std::pair{301u, Condition::unreachable}}) {
    status = given;
    std::size_t const before = server.requests().size();
    auto const failed = ping(server.url("/hunter2"), Ping::success);
    REQUIRE(failed.has_error());
    CHECK(failed.error().condition == condition);
    CHECK_FALSE(failed.error().advice.empty());
    CHECK(server.requests().size() == before + 1);
  }
  status = 204;
  CHECK(ping(server.url("/x"), Ping::success));
}

TEST_CASE("healthcheck: a monitor that says nothing") {
  PingServer const silent([](std::size_t) { return 0u; });
  HealthcheckSettings settings = settings_for(silent.url("/hunter2"));
  settings.timeout = 100ms;
  auto const failed = send_ping(settings, Ping::success, {}, system_clock(), {});
  REQUIRE(failed.has_error());
  CHECK(failed.error().condition == Condition::unreachable);

  std::stop_source stop;
  PingServer const stopping([&](std::size_t) {
    stop.request_stop();
    return 0u;
  });
  auto const stopped =
      send_ping(settings_for(stopping.url("/x")), Ping::success, {}, system_clock(), stop.get_token());
  REQUIRE(stopped.has_error());
  CHECK(stopped.error().condition == Condition::cancelled);
}

TEST_CASE("healthcheck: over TLS, with the certificate checked") {
  test::Scratch scratch;
  auto const files = test::make_certificate(scratch.path(), "good", {});
  test::FakeServerOptions options;
  options.certificate_file = files.certificate;
  options.private_key_file = files.private_key;
  test::FakeServer const server(options);
  HealthcheckSettings settings = settings_for(server.url() + "/hunter2");
  auto const untrusted = send_ping(settings, Ping::success, {}, system_clock(), {});
  REQUIRE(untrusted.has_error());
  CHECK(untrusted.error().text().find("certificate") != std::string::npos);
  CHECK(server.requests() == 0);
  settings.ca_file = files.authority;
  auto const answered = send_ping(settings, Ping::success, {}, system_clock(), {});
  REQUIRE(answered.has_error());  // an S3 server wants a signature: it was reached
  CHECK(answered.error().http_status == 403);
}

TEST_CASE("healthcheck: a failure is a warning without the address, and nothing without an address") {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel level, std::string_view line) {
    CHECK(level == LogLevel::warning);
    lines.emplace_back(line);
  });
  PingServer const server([](std::size_t) { return 500u; });
  ping_or_warn({}, Ping::start, {}, system_clock(), {});
  CHECK(lines.empty());
  ping_or_warn(settings_for(server.url("/hunter2")), Ping::start, "report", system_clock(), {});
  ping_or_warn(settings_for("https://u@h/hunter2"), Ping::start, {}, system_clock(), {});
  ping_or_warn(settings_for("http://127.0.0.1:1/hunter2"), Ping::start, {}, system_clock(), {});
  set_log_sink({});
  REQUIRE(lines.size() == 3);
  for (std::string const& line : lines)
    CHECK(line.find("hunter2") == std::string::npos);
}
