#include "core/store/s3/proxy.h"

#include <map>

#include "tests/support/catch.h"

namespace b2b::s3 {
namespace {

Environment environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](std::string const& name) -> std::optional<std::string> {
    auto const at = values.find(name);
    if (at == values.end()) return std::nullopt;
    return at->second;
  };
}

Endpoint const store = parse_endpoint("https://s3.us-west-004.backblazeb2.com").value();

}  // namespace

TEST_CASE("no proxy without a variable, or for this machine") {
  CHECK_FALSE(proxy_for(store, environment({}))->has_value());
  CHECK_FALSE(proxy_for(store, environment({{"https_proxy", ""}}))->has_value());
  auto const both = environment({{"HTTPS_PROXY", "http://proxy:3128"}});
  CHECK_FALSE(proxy_for(*parse_endpoint("http://127.0.0.1:9"), both)->has_value());
  CHECK_FALSE(proxy_for(*parse_endpoint("https://localhost:9"), both)->has_value());
  CHECK(proxy_for(store, both)->has_value());
}

TEST_CASE("a proxy's URL is taken apart") {
  auto const plain = proxy_for(
      store, environment({{"HTTPS_PROXY", "proxy.example"}, {"https_proxy", "http://Lower:3128/"}}));
  REQUIRE(plain);
  CHECK((*plain)->host == "lower");
  CHECK((*plain)->port == 3128);
  CHECK((*plain)->authorization.empty());
  CHECK(proxy_for(store, environment({{"HTTPS_PROXY", "proxy.example"}}))->value().port == 8080);
  auto const secret = proxy_for(store, environment({{"HTTPS_PROXY", "http://us%3Aer:p%40ss@proxy:1"}}));
  REQUIRE(secret);
  CHECK((*secret)->authorization.reveal() == "Basic dXM6ZXI6cEBzcw==");
  CHECK(connect_request(store, **secret) ==
        "CONNECT s3.us-west-004.backblazeb2.com:443 HTTP/1.1\r\nHost: s3.us-west-004.backblazeb2.com:443\r\n"
        "Proxy-Authorization: Basic dXM6ZXI6cEBzcw==\r\n\r\n");
}

TEST_CASE("a malformed proxy is an error that shows no password") {
  for (auto const* bad : {"https://user:sesame@proxy:1", "socks5://proxy", "http://user:sesame@:1",
                          "http://proxy:99999", "http://%zz:sesame@proxy"}) {
    INFO(bad);
    auto const proxy = proxy_for(store, environment({{"HTTPS_PROXY", bad}}));
    REQUIRE_FALSE(proxy);
    CHECK(proxy.error().condition == Condition::bad_config);
    CHECK(proxy.error().text().find("sesame") == std::string::npos);
    CHECK(proxy.error().text().find("HTTPS_PROXY") != std::string::npos);
  }
}

TEST_CASE("no_proxy lists what is reached directly") {
  Endpoint const host = parse_endpoint("https://s3.corp.example:9000").value();
  for (auto const* list : {"*", "s3.corp.example", "corp.example", ".corp.example", "a, EXAMPLE",
                           "s3.corp.example:9000", "x,.example"}) {
    INFO(list);
    CHECK(bypasses_proxy(list, host));
  }
  for (auto const* list :
       {"", "p.example", "xs3.corp.example", "s3.corp.example:443", "3.corp.example", ","}) {
    INFO(list);
    CHECK_FALSE(bypasses_proxy(list, host));
  }
  CHECK(bypasses_proxy("10.0.0.1", *parse_endpoint("https://10.0.0.1")));
  CHECK_FALSE(bypasses_proxy("0.0.1", *parse_endpoint("https://10.0.0.1")));
  CHECK(bypasses_proxy("2001:db8::1", *parse_endpoint("https://[2001:db8::1]")));
  CHECK_FALSE(
      proxy_for(store, environment({{"HTTPS_PROXY", "p"}, {"NO_PROXY", "backblazeb2.com"}}))->has_value());
}

}  // namespace b2b::s3
