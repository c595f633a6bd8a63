#include <fstream>

#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {
namespace {

struct TlsServer {
  explicit TlsServer(CertificateSpec const& spec) : files(make_certificate(scratch.path(), "server", spec)) {
    FakeServerOptions options;
    options.certificate_file = files.certificate;
    options.private_key_file = files.private_key;
    server = std::make_unique<FakeServer>(options);
  }
  s3::Settings settings() const {
    auto out = settings_for(*server);
    out.ca_file = files.authority;
    return out;
  }
  Scratch scratch;
  CertificateFiles files;
  std::unique_ptr<FakeServer> server;
};

Error failure(s3::Settings const& settings) {
  auto const store = store_at(settings);
  auto const result = store->head("key", {});
  REQUIRE_FALSE(result);
  CHECK(store->counters().requests == 1);  // a certificate does not get better by asking again
  return result.error();
}

}  // namespace

TEST_CASE("a certificate of the configured authority passes, by address and by name") {
  TlsServer const by_address({});
  CHECK(store_at(by_address.settings())->put("key", MemorySource("x"), {}));
  TlsServer const by_name({.host = "localhost"});
  auto settings = by_name.settings();
  settings.endpoint = "https://localhost:" + std::to_string(by_name.server->port());
  CHECK(store_at(settings)->put("key", MemorySource("x"), {}));
}

TEST_CASE("certificates that do not pass say why, and what to do") {
  SECTION("expired") {
    TlsServer const server({.valid_from_seconds = -7200, .valid_for_seconds = -3600});
    Error const error = failure(server.settings());
    CHECK(error.condition == Condition::unreachable);
    CHECK_FALSE(error.retryable);
    CHECK(error.message.find("has expired") != std::string::npos);
  }
  SECTION("not valid yet") {
    TlsServer const server({.valid_from_seconds = 3600, .valid_for_seconds = 7200});
    CHECK(failure(server.settings()).message.find("not valid yet") != std::string::npos);
  }
  SECTION("for another name") {
    TlsServer const server({.host = "other.example"});
    CHECK(failure(server.settings()).message.find("not made out to 127.0.0.1") != std::string::npos);
  }
  SECTION("for a name, reached by address") {
    TlsServer const server({.host = "localhost"});
    CHECK(failure(server.settings()).message.find("not made out to 127.0.0.1") != std::string::npos);
  }
  SECTION("self-signed") {
    TlsServer const server({.self_signed = true});
    Error const error = failure(server.settings());
    CHECK(error.message.find("signed by itself") != std::string::npos);
    CHECK(error.advice.find("caFile") != std::string::npos);
  }
  SECTION("of an unknown authority") {
    TlsServer const server({});
    auto settings = server.settings();
    settings.ca_file.clear();
    Error const error = failure(settings);
    CHECK(error.message.find("not trusted") != std::string::npos);
    CHECK(error.advice.find("caFile") != std::string::npos);
  }
}

TEST_CASE("a port that speaks no TLS is unreachable") {
  FakeServer const server({});
  auto settings = settings_for(server);
  settings.endpoint = "https://127.0.0.1:" + std::to_string(server.port());
  settings.max_attempts = 2;
  auto const result = store_at(settings)->head("key", {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
  CHECK(result.error().message.find("TLS") != std::string::npos);
}

TEST_CASE("a CA file that is none is a mistake in the configuration") {
  Scratch scratch;
  s3::Settings settings;
  settings.endpoint = "https://127.0.0.1:1";
  settings.bucket = "b";
  settings.key_id = Secret("k");
  settings.application_key = Secret("s");
  settings.ca_file = scratch / "none.pem";
  CHECK(s3::make_store(settings, system_clock()).error().condition == Condition::bad_config);
  std::ofstream(settings.ca_file) << "not a certificate\n";
  auto const store = s3::make_store(settings, system_clock());
  REQUIRE_FALSE(store);
  CHECK(store.error().condition == Condition::bad_config);
  CHECK(store.error().subject == "caFile");
}

}  // namespace b2b::test
