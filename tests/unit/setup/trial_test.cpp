#include "daemon/setup/trial.h"

#include "core/util/glob.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::setup;

TEST_CASE("trial: a small state is restored whole") {
  Sample sample;
  sample.add("openclaw.json", 100, false);
  sample.add("workspace/a.md", 1000, false);
  sample.decide(1ull << 40);
  CHECK_FALSE(sample.is_sample());
  CHECK(sample.fits());
  CHECK(sample.patterns().empty());
  CHECK(sample.covers("workspace/a.md"));
  CHECK(sample.files() == 2);
  CHECK(sample.bytes() == 1100);
}

TEST_CASE("trial: of a large one openclaw.json, the databases and some others") {
  Sample sample;
  for (int i = 0; i < 5000; ++i)
    sample.add("workspace/f" + std::to_string(i), 1 << 20, false);
  sample.add("agents/main/agent/openclaw-agent.sqlite", 5 << 20, true);
  sample.add("memory/odd name", 100, true);
  sample.add("openclaw.json", 100, false);
  sample.add("plain.sqlite", 7, false);
  sample.decide(1ull << 40);
  CHECK(sample.is_sample());
  CHECK(sample.fits());
  for (char const* always :
       {"openclaw.json", "agents/main/agent/openclaw-agent.sqlite", "memory/odd name", "plain.sqlite"})
    CHECK(sample.covers(always));
  CHECK(sample.covers("workspace/f0"));
  CHECK_FALSE(sample.covers("workspace/f4999"));
  CHECK(sample.patterns().size() == 64 + 4);  // 64 MB of others
}

TEST_CASE("trial: little room makes a sample, none is said") {
  Sample sample;
  sample.add("workspace/large", 900ull << 20, false);
  sample.add("openclaw.json", 100, false);
  sample.decide(200ull << 20);
  CHECK(sample.is_sample());
  CHECK(sample.fits());
  CHECK_FALSE(sample.covers("workspace/large"));
  sample.decide(1 << 20);
  CHECK_FALSE(sample.fits());
}

TEST_CASE("trial: patterns stay within what a job takes") {
  Sample sample;
  for (int i = 0; i < 3000; ++i)
    sample.add("agents/a" + std::to_string(i) + "/x.sqlite", 1 << 20, true);
  sample.decide(1ull << 40);
  CHECK(sample.patterns().size() == Sample::named_max);
}

TEST_CASE("trial: a pattern matches its path and nothing else") {
  for (char const* path : {"a/b", "a/[x]*?.md", "a/\\b", "a/{b}"}) {
    auto const glob = Glob::parse(pattern_of(path));
    REQUIRE(glob);
    CHECK(glob->matches(path, false));
    CHECK_FALSE(glob->matches(std::string(path) + "x", false));
  }
  auto const star = Glob::parse(pattern_of("a/*"));
  REQUIRE(star);
  CHECK_FALSE(star->matches("a/b", false));
}
