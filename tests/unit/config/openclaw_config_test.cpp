#include "core/config/openclaw_config.h"

#include <boost/json/serialize.hpp>
#include <unistd.h>

#include "core/config/json5.h"
#include "tests/unit/config/config_fixture.h"

using namespace b2b;

namespace {

struct Folder : test::ConfigHome {
  std::vector<std::string> roots;

  Result<std::optional<boost::json::value>> at(std::initializer_list<std::string_view> path) {
    auto config = OpenClawConfig::open(this->path("c/openclaw.json"), roots);
    if (!config) return config.error();
    return config->at(path);
  }
  std::string json(std::initializer_list<std::string_view> path) {
    auto const value = at(path);
    if (!value) return "error: " + value.error().message;
    return *value ? boost::json::serialize(**value) : "(none)";
  }
};

}  // namespace

TEST_CASE("openclaw.json: values by path") {
  Folder folder;
  CHECK(folder.at({"a"}).error().condition == Condition::not_found);
  folder.write("c/openclaw.json",
               "// hand-made\n{plugins: {entries: {x: {config: {n: 1,},},},}, list: [1], t: 'x', t: 'y'}");
  CHECK(folder.json({"plugins", "entries", "x", "config"}) == "{\"n\":1}");
  CHECK(folder.json({"plugins", "entries", "y", "config"}) == "(none)");
  CHECK(folder.json({"list", "0"}) == "(none)");
  CHECK(folder.json({"t"}) == "\"y\"");
  CHECK(folder.json({"t", "u"}) == "(none)");
  folder.write("c/openclaw.json", "{plugins: {");
  CHECK(folder.at({"a"}).error().condition == Condition::bad_config);
  CHECK(folder.at({"a"}).error().message.find("openclaw.json:1:11: this '{' is never closed") !=
        std::string::npos);
}

TEST_CASE("openclaw.json: includes are merged in order, keys beside them win") {
  Folder folder;
  folder.write("c/a.json5", "{x: {one: 1, two: 'a', list: [1]}}");
  folder.write("c/b.json5", "{x: {two: 'b', list: [2]}, y: {$include: 'sub/z.json5'}}");
  folder.write("c/sub/z.json5", "{z: {$include: './w.json5'}}");
  folder.write("c/sub/w.json5", "'deep'");
  folder.write("c/openclaw.json", "{$include: ['./a.json5', 'b.json5'], x: {three: 3, list: [3]}}");
  CHECK(folder.json({"x"}) == "{\"one\":1,\"two\":\"b\",\"list\":[1,2,3],\"three\":3}");
  CHECK(folder.json({"y", "z"}) == "\"deep\"");
  CHECK(folder.json({"$include"}) == "(none)");
  folder.write("c/openclaw.json", "{x: {$include: 'a.json5'}, l: [{$include: 'sub/w.json5'}]}");
  CHECK(folder.json({"x", "x", "one"}) == "1");
  CHECK(folder.json({"l"}) == "[\"deep\"]");
}

TEST_CASE("openclaw.json: an include that is broken elsewhere does not matter") {
  Folder folder;
  folder.write("c/broken.json5", "{");
  folder.write(
      "c/openclaw.json",
      "{agents: {$include: 'missing.json5'}, channels: {$include: 'broken.json5'}, plugins: {x: 1}}");
  CHECK(folder.json({"plugins", "x"}) == "1");
  CHECK(folder.json({"agents"}).find("missing.json5\" in ") != std::string::npos);
  CHECK(folder.json({"agents"}).find("does not exist") != std::string::npos);
  CHECK(folder.json({"channels"}).find("broken.json5:1:1: this '{' is never closed") != std::string::npos);
}

TEST_CASE("openclaw.json: includes stay inside") {
  Folder folder;
  folder.write("outside/o.json5", "{o: 1}");
  auto const refuses = [&](std::string const& name) {
    folder.write("c/openclaw.json", "{a: {$include: '" + name + "'}}");
    return folder.json({"a"}).find("leads outside of the configuration's directory") != std::string::npos;
  };
  CHECK(refuses("../outside/o.json5"));
  CHECK(refuses("sub/../../outside/o.json5"));
  CHECK(refuses(folder.path("outside/o.json5")));
  CHECK(refuses("/etc/passwd"));
  REQUIRE(::symlink(folder.path("outside/o.json5").c_str(), folder.path("c/link.json5").c_str()) == 0);
  CHECK(refuses("link.json5"));
  folder.roots = {folder.path("outside")};
  CHECK_FALSE(refuses("link.json5"));
  CHECK_FALSE(refuses("../outside/o.json5"));
  CHECK(folder.json({"a"}) == "{\"o\":1}");
  folder.roots = {folder.path("out")};  // a folder whose name only begins alike
  CHECK(refuses("../outside/o.json5"));
}

TEST_CASE("openclaw.json: cycles and depth") {
  Folder folder;
  folder.write("c/openclaw.json", "{$include: 'a.json5'}");
  folder.write("c/a.json5", "{$include: 'b.json5'}");
  folder.write("c/b.json5", "{$include: 'a.json5'}");
  std::string const cycle = folder.json({"x"});
  CHECK(cycle.find("$include goes in a circle: ") != std::string::npos);
  CHECK(cycle.find("a.json5 → ") != std::string::npos);
  CHECK(cycle.find("b.json5 → ") != std::string::npos);
  folder.write("c/a.json5", "{$include: 'openclaw.json'}");
  CHECK(folder.json({"x"}).find("$include goes in a circle: ") != std::string::npos);

  auto const chain = [&](int levels) {
    folder.write("c/openclaw.json", "{$include: 'f1.json5'}");
    for (int i = 1; i < levels; ++i)
      folder.write("c/f" + std::to_string(i) + ".json5",
                   "{$include: 'f" + std::to_string(i + 1) + ".json5'}");
    folder.write("c/f" + std::to_string(levels) + ".json5", "{x: 1}");
    return folder.json({"x"});
  };
  CHECK(chain(10) == "1");
  CHECK(chain(11).find("nested more than 10 levels deep") != std::string::npos);
}

TEST_CASE("openclaw.json: includes that multiply are stopped") {
  Folder folder;
  std::string const twice = "{$include: ['%', '%', '%', '%', '%', '%', '%', '%']}";
  for (int i = 0; i < 10; ++i) {
    std::string text = twice;
    std::string const next = "f" + std::to_string(i + 1) + ".json5";
    for (std::size_t at = text.find('%'); at != std::string::npos; at = text.find('%'))
      text.replace(at, 1, next);
    folder.write(i == 0 ? "c/openclaw.json" : "c/f" + std::to_string(i) + ".json5", text);
  }
  folder.write("c/f10.json5", "{x: [1]}");
  CHECK(folder.json({"x"}).find("more than 1,000 includes") != std::string::npos);
}

TEST_CASE("openclaw.json: includes of the wrong kind") {
  Folder folder;
  folder.write("c/openclaw.json", "{$include: 5}");
  CHECK(folder.json({"x"}).find("neither a file name nor a list of them") != std::string::npos);
  folder.write("c/openclaw.json", "{$include: ['']}");
  CHECK(folder.json({"x"}).find("is no file name") != std::string::npos);
  REQUIRE(make_directories(folder.path("c/d")).has_value());
  folder.write("c/openclaw.json", "{$include: 'd'}");
  CHECK(folder.json({"x"}).find("is not a regular file") != std::string::npos);
  folder.write("c/large.json5", "'" + std::string(3 << 20, 'x') + "'");
  folder.write("c/openclaw.json", "{$include: 'large.json5'}");
  CHECK(folder.json({"x"}).find("bytes long; at most") != std::string::npos);
}

TEST_CASE("openclaw.json behind a symbolic link includes from both directories") {
  Folder folder;
  folder.write("real/openclaw.json", "{$include: 'beside.json5'}");
  folder.write("real/beside.json5", "{x: 1}");
  REQUIRE(make_directories(folder.path("c")).has_value());
  REQUIRE(::symlink(folder.path("real/openclaw.json").c_str(), folder.path("c/openclaw.json").c_str()) == 0);
  REQUIRE(::symlink(folder.path("real/beside.json5").c_str(), folder.path("c/beside.json5").c_str()) == 0);
  CHECK(folder.json({"x"}) == "1");
}

TEST_CASE("the gateway's port") {
  Folder folder;
  std::string const file = folder.path("c/openclaw.json");
  CHECK_FALSE(configured_gateway_port(file));
  for (char const* const none :
       {"{}", "{gateway: {}}", "{gateway: {port: '18789'}}", "{gateway: {port: 0}}",
        "{gateway: {port: 65536}}", "{gateway: {port: ", "{gateway: {$include: 'none.json5'}}"}) {
    CAPTURE(none);
    folder.write("c/openclaw.json", none);
    CHECK_FALSE(configured_gateway_port(file));
  }
  folder.write("c/openclaw.json", "{gateway: {port: 19001}}");
  CHECK(configured_gateway_port(file) == 19001);
  folder.write("c/gateway.json5", "{port: 65535}");
  folder.write("c/openclaw.json", "{gateway: {$include: 'gateway.json5'}}");
  CHECK(configured_gateway_port(file) == 65535);
}

TEST_CASE("include roots") {
  CHECK(parse_include_roots("", "/h").empty());
  CHECK(parse_include_roots("/a:~/b::relative:/c/", "/h") == std::vector<std::string>{"/a", "/h/b", "/c"});
}

TEST_CASE("merge_json") {
  auto const merged = [](char const* a, char const* b) {
    return boost::json::serialize(merge_json(*parse_json5(a, "a"), *parse_json5(b, "b")));
  };
  CHECK(merged("{a: 1, b: {c: 1}}", "{b: {d: 2}, e: 3}") == "{\"a\":1,\"b\":{\"c\":1,\"d\":2},\"e\":3}");
  CHECK(merged("[1]", "[2]") == "[1,2]");
  CHECK(merged("[1]", "{}") == "{}");
  CHECK(merged("{a: [1]}", "{a: 2}") == "{\"a\":2}");
  CHECK(merged("{a: 1}", "{a: null}") == "{\"a\":null}");
}
