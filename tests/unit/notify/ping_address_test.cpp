#include "core/notify/ping_address.h"

#include "tests/support/catch.h"

using namespace b2b;

namespace {
std::string target(char const* url, Ping ping) {
  auto const address = parse_ping_address(Secret(url));
  return address ? std::string(address->target(ping).reveal()) : "refused: " + address.error().message;
}
}  // namespace

TEST_CASE("ping address: parts") {
  auto const address = parse_ping_address(Secret("https://HC-ping.com/a-b"));
  REQUIRE(address);
  CHECK(address->tls);
  CHECK(address->host == "hc-ping.com");
  CHECK(address->port == 443);
  auto const plain = parse_ping_address(Secret("http://[::1]:8000/ping/x"));
  REQUIRE(plain);
  CHECK_FALSE(plain->tls);
  CHECK(plain->host == "::1");
  CHECK(plain->port == 8000);
  CHECK(parse_ping_address(Secret("http://host"))->port == 80);
}

TEST_CASE("ping address: targets") {
  CHECK(target("https://h/ping/x", Ping::start) == "/ping/x/start");
  CHECK(target("https://h/ping/x", Ping::success) == "/ping/x");
  CHECK(target("https://h/ping/x", Ping::failure) == "/ping/x/fail");
  CHECK(target("https://h/ping/x/", Ping::failure) == "/ping/x/fail");
  CHECK(target("https://h/ping/x?create=1&a=/", Ping::start) == "/ping/x/start?create=1&a=/");
  CHECK(target("https://h/ping/%20x#part", Ping::success) == "/ping/%20x");
  CHECK(target("https://h", Ping::success) == "/");
  CHECK(target("https://h", Ping::start) == "/start");
  CHECK(target("https://h?x=1", Ping::success) == "/?x=1");
}

TEST_CASE("ping address: what is refused, without a word of it") {
  for (char const* url :
       {"", "hunter2", "ftp://hunter2/x", "https://", "https:///hunter2", "https://h:0/hunter2",
        "https://h:x/hunter2", "https://u:hunter2@h/", "https://h/hunter2 x", "https://h/hunter2\r\nX: y",
        "https://h/hunter2\xc3\xa4", "https://[::1/hunter2"}) {
    INFO(url);
    auto const address = parse_ping_address(Secret(url));
    REQUIRE(address.has_error());
    CHECK(address.error().condition == Condition::bad_config);
    CHECK(address.error().text().find("hunter2") == std::string::npos);
  }
}
