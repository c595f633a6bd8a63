#include "core/util/glob.h"

#include <random>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

bool file(std::string_view pattern, std::string_view path) { return Glob::parse(pattern).value().matches(path, false); }
bool directory(std::string_view pattern, std::string_view path) { return Glob::parse(pattern).value().matches(path, true); }
bool covers(std::string_view pattern, std::string_view path) { return Glob::parse(pattern).value().covers(path, false); }
bool below(std::string_view pattern, std::string_view path) { return Glob::parse(pattern).value().may_match_below(path); }

}  // namespace

TEST_CASE("a star and a question mark stay within a name") {
  CHECK(file("/a/*.txt", "a/b.txt"));
  CHECK(file("/a/*.txt", "a/.txt"));
  CHECK_FALSE(file("/a/*.txt", "a/b/c.txt"));
  CHECK(file("/a/?", "a/b"));
  CHECK_FALSE(file("/a/?", "a/"));
  CHECK_FALSE(file("/a?b", "a/b"));
  CHECK(file("openclaw.json.bak*", "openclaw.json.bak.1"));
  CHECK(file("a*b*c", "axxbyybzzc"));
  CHECK_FALSE(file("a*b*c", "axxbyybzz"));
  CHECK(file("a**c", "abc"));
  CHECK_FALSE(file("/a**c", "a/c"));
}

TEST_CASE("sets of characters") {
  CHECK(file("[a-c]x", "bx"));
  CHECK_FALSE(file("[a-c]x", "dx"));
  CHECK(file("[!a-c]x", "dx"));
  CHECK(file("[^a-c]x", "dx"));
  CHECK_FALSE(file("[!a-c]x", "ax"));
  CHECK(file("[]a]", "]"));
  CHECK(file("[!]a]", "b"));
  CHECK_FALSE(file("[!]a]", "]"));
  CHECK(file("[a-]", "-"));
  CHECK(file("[-a]", "-"));
  CHECK(file("[\\]]", "]"));
  CHECK(file("[a\\-c]", "-"));
  CHECK_FALSE(file("[a\\-c]", "b"));
  CHECK(file("[a-c-e]", "e"));
  CHECK_FALSE(file("[z-a]", "m"));
  CHECK(file("*[0-9]", "name7"));
  CHECK(file("[\xC0-\xFF]*", "\xC3\xBC"));
}

TEST_CASE("a backslash makes a character stand for itself") {
  CHECK(file("\\*", "*"));
  CHECK_FALSE(file("\\*", "a"));
  CHECK(file("a\\[b", "a[b"));
  CHECK(file("\\a", "a"));
  CHECK(file("*\\?", "what?"));
}

TEST_CASE("without a slash a pattern matches a name at any depth") {
  CHECK(file("*.lock", "a.lock"));
  CHECK(file("*.lock", "x/y/a.lock"));
  CHECK_FALSE(file("*.lock", "a.lock/file"));
  CHECK(directory("credentials/", "credentials"));
  CHECK(directory("credentials/", "x/credentials"));
}

TEST_CASE("with a slash a pattern is anchored at the root") {
  CHECK(file("cron/jobs.json", "cron/jobs.json"));
  CHECK_FALSE(file("cron/jobs.json", "x/cron/jobs.json"));
  CHECK(file("/openclaw.json", "openclaw.json"));
  CHECK_FALSE(file("/openclaw.json", "x/openclaw.json"));
  CHECK(file("./openclaw.json", "openclaw.json"));
  CHECK_FALSE(file("./openclaw.json", "x/openclaw.json"));
  CHECK(file("a//b", "a/b"));
}

TEST_CASE("a slash at the end means directories only") {
  CHECK(directory("media/", "media"));
  CHECK_FALSE(file("media/", "media"));
  CHECK(directory("a/b/", "a/b"));
  CHECK_FALSE(file("a/b/", "a/b"));
}

TEST_CASE("two stars match any number of directories") {
  CHECK(file("**/x", "x"));
  CHECK(file("**/x", "a/b/x"));
  CHECK(file("a/**/x", "a/x"));
  CHECK(file("a/**/x", "a/b/c/x"));
  CHECK_FALSE(file("a/**/x", "b/x"));
  CHECK(file("a/**", "a/b"));
  CHECK(file("a/**", "a/b/c"));
  CHECK_FALSE(file("a/**", "a"));
  CHECK_FALSE(directory("a/**", "a"));
  CHECK(file("**", "a"));
  CHECK(file("**", "a/b/c"));
  CHECK(file("a/**/**/b", "a/b"));
  CHECK(file("a/**/b/**/c", "a/b/x/b/c"));
  CHECK_FALSE(file("a/**/b/**/c", "a/x/c"));
  CHECK(file("agents/*/agent/**", "agents/main/agent/x/y"));
  CHECK_FALSE(file("agents/*/agent/**", "agents/main/sub/agent/x"));
  CHECK(directory("a/**/", "a/b"));
  CHECK_FALSE(file("a/**/", "a/b"));
  CHECK(file("**/*.pid", "x.pid"));
}

TEST_CASE("matching is by bytes and minds the case") {
  CHECK_FALSE(file("README", "readme"));
  CHECK(file("\xFF*", "\xFFname"));
  CHECK(file("??", "\xC3\xBC"));
  CHECK_FALSE(file("**", ""));
}

TEST_CASE("a pattern that matches a directory covers all below it") {
  CHECK(covers("workspace", "workspace/a/b"));
  CHECK(covers("media/", "x/media/file"));
  CHECK_FALSE(covers("media/", "x/media"));
  CHECK(covers("/a/b", "a/b/c/d"));
  CHECK_FALSE(covers("/a/b", "a/bc/d"));
  CHECK(covers("node_modules", "a/node_modules/b"));
  CHECK_FALSE(covers("*.txt", "a/b"));
  CHECK(Glob::parse("media/").value().covers("media", true));
}

TEST_CASE("a scan may leave out a directory only when nothing below can match") {
  CHECK(below("a/b/c", ""));
  CHECK(below("a/b/c", "a"));
  CHECK(below("a/b/c", "a/b"));
  CHECK(below("a/b/c", "a/b/c"));
  CHECK(below("a/b/c", "a/b/c/d"));
  CHECK_FALSE(below("a/b/c", "b"));
  CHECK_FALSE(below("a/b/c", "a/c"));
  CHECK_FALSE(below("a/*/c", "a/b/d"));
  CHECK(below("a/**/c", "a/b/d/e"));
  CHECK(below("*.txt", "any/where"));
  CHECK(below("workspace-*/**", "workspace-one"));
  CHECK_FALSE(below("workspace-*/**", "agents"));
  CHECK_FALSE(below("/openclaw.json", "agents"));
}

TEST_CASE("patterns that cannot mean anything are refused") {
  for (auto const* bad : {"", "/", "//", ".", "./", "[abc", "a/[", "[]", "[!]", "a\\", "a\\/b", "..", "a/../b", "../x", "[a/b]", "[\\]"}) {
    INFO(bad);
    auto const parsed = Glob::parse(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().condition == Condition::usage);
    CHECK_FALSE(parsed.error().advice.empty());
  }
  CHECK(Glob::parse("a..b/...").value().text() == "a..b/...");
}

TEST_CASE("patterns made to be slow are not") {
  std::string const stars = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
  CHECK_FALSE(file(stars, std::string(5000, 'a')));
  std::string deep_pattern, deep_path;
  for (int i = 0; i < 30; ++i) deep_pattern += "**/a/";
  for (int i = 0; i < 500; ++i) deep_path += "a/";
  CHECK_FALSE(file(deep_pattern + "b", deep_path + "c"));
  CHECK(below(deep_pattern + "b", deep_path + "c"));
}

TEST_CASE("what matches is never under a directory that a scan leaves out") {
  auto const seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  auto pick = [&](std::vector<std::string> const& from) { return from[random() % from.size()]; };
  std::vector<std::string> const parts{"a", "b", "*", "**", "a*", "?", "[ab]", "ab"};
  std::vector<std::string> const names{"a", "b", "ab", "ba"};
  int matched = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string pattern = random() % 4 == 0 ? "/" : "";
    for (auto n = 1 + random() % 4; n > 0; --n) pattern += pick(parts) + (n > 1 ? "/" : "");
    std::string path;
    for (auto n = 1 + random() % 5; n > 0; --n) path += pick(names) + (n > 1 ? "/" : "");
    auto const glob = Glob::parse(pattern).value();
    if (!glob.covers(path, false)) continue;
    ++matched;
    INFO(pattern << " on " << path);
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
      REQUIRE(glob.may_match_below(path.substr(0, slash)));
  }
  CHECK(matched > 100);
}
