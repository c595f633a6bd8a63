#include "core/store/s3/endpoint.h"

#include "tests/support/catch.h"

namespace b2b::s3 {

TEST_CASE("endpoints are taken apart") {
  auto const b2 = parse_endpoint("https://S3.us-west-004.backblazeb2.com/");
  REQUIRE(b2);
  CHECK(b2->tls);
  CHECK(b2->host == "s3.us-west-004.backblazeb2.com");
  CHECK(b2->port == 443);
  CHECK(b2->authority() == "s3.us-west-004.backblazeb2.com");
  CHECK(region_of(*b2) == "us-west-004");

  auto const local = parse_endpoint("http://[::1]:9000");
  REQUIRE(local);
  CHECK_FALSE(local->tls);
  CHECK(local->host == "::1");
  CHECK(local->authority() == "[::1]:9000");
  CHECK(region_of(*local) == "us-east-1");
  CHECK(parse_endpoint("http://localhost")->authority() == "localhost");
  CHECK(parse_endpoint("https://minio.example:9443")->authority() == "minio.example:9443");
  CHECK(region_of(*parse_endpoint("https://s3.eu-central-1.amazonaws.com")) == "eu-central-1");
  CHECK(region_of(*parse_endpoint("https://s3.amazonaws.com")) == "us-east-1");
}

TEST_CASE("malformed and unsafe endpoints are refused with a reason") {
  for (auto const* bad :
       {"", "s3.us-west-004.backblazeb2.com", "ftp://host", "https://", "https://host/bucket",
        "https://host?x", "https://ho st", "https://host:0", "https://host:65536",
        "https://host:", "https://[::1", "https://[::1]x", "https://[nonsense]", "http://example.com",
        "http://10.0.0.1", "http://127.0.0.1.example.com", "https://.host", "https://host#x"}) {
    INFO(bad);
    auto const endpoint = parse_endpoint(bad);
    REQUIRE_FALSE(endpoint);
    CHECK(endpoint.error().condition == Condition::bad_config);
    CHECK(endpoint.error().subject == "endpoint");
  }
}

TEST_CASE("a password in the endpoint is refused and not shown") {
  auto const endpoint = parse_endpoint("https://user:sesame@host");
  REQUIRE_FALSE(endpoint);
  CHECK(endpoint.error().text().find("sesame") == std::string::npos);
}

TEST_CASE("loopback is this machine and nothing else") {
  for (auto const* host : {"localhost", "a.localhost", "127.0.0.1", "127.255.0.9", "::1", "LOCALHOST"})
    CHECK(is_loopback(host));
  for (auto const* host :
       {"127.0.0.1.evil.com", "localhost.evil.com", "10.0.0.1", "::2", "127.evil", "0.0.0.0"})
    CHECK_FALSE(is_loopback(host));
}

}  // namespace b2b::s3
