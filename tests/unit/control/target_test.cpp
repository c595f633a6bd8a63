#include "core/control/target.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

TEST_CASE("a target is a path and decoded parameters", "[target]") {
  auto const target = parse_target("/v1/a%2Fb?path=x%20y&all&empty=&plus=a+b&path=z").value();
  CHECK(target.path == "/v1/a%2Fb");
  CHECK(target.query == Fields{{"path", "x y"}, {"all", ""}, {"empty", ""}, {"plus", "a+b"}, {"path", "z"}});
  CHECK(parse_target("/?").value().query.empty());
  CHECK(parse_target("/?&&").value().query.empty());
  CHECK(parse_target("/?a=b=c").value().query == Fields{{"a", "b=c"}});
}

TEST_CASE("an absolute address is its path", "[target]") {
  CHECK(parse_target("http://localhost/v1/status?x=1").value().path == "/v1/status");
  CHECK(parse_target("http://localhost").value().path == "/");
}

TEST_CASE("targets that name no resource are refused", "[target]") {
  for (std::string const text :
       {"", "*", "v1/status", "localhost:80", "https://localhost/", "/a#b", "/a?x=%zz", "/a?%=1", "/a?x=%00",
        "/a b", "/a\x7f", "/a\xc3\xa4", "/a?x=\x01"}) {
    INFO(text);
    auto const result = parse_target(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::usage);
  }
}

TEST_CASE("64 parameters are taken, 65 are not", "[target]") {
  std::string text = "/?a=1";
  for (int i = 1; i < 64; ++i)
    text += "&a=1";
  CHECK(parse_target(text).value().query.size() == 64);
  CHECK_FALSE(parse_target(text + "&a=1"));
}

TEST_CASE("a path is split before it is decoded", "[target]") {
  CHECK(split_path("/v1/a%2Fb/c").value() == std::vector<std::string>{"v1", "a/b", "c"});
  CHECK(split_path("/").value() == std::vector<std::string>{""});
  CHECK(split_path("/a//b/").value() == std::vector<std::string>{"a", "", "b", ""});
  for (auto const* path : {"/..", "/a/../b", "/%2e%2E", "/.", "/%", "/a%0", "/a%00b", "/%gg"}) {
    INFO(path);
    CHECK_FALSE(split_path(path));
  }
}
