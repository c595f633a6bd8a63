#include <unistd.h>

#include "tests/unit/config/config_fixture.h"

using namespace b2b;
using test::any_contains;

namespace {

struct Home : test::ConfigHome {
  // The warnings that openclaw.json with this text as its `agents` leads to.
  std::vector<std::string> warnings(std::string_view agents) const {
    write_openclaw("{agents: " + std::string(agents) + "}");
    return load().warnings;
  }
  std::string outside(std::string_view setting, std::string const& directory) const {
    return std::string(setting) + " in openclaw.json is " + directory +
           ", which lies outside of the state directory " + path(".openclaw") +
           " and is not backed up by this version; back it up in another way";
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("agent directories: inside the state directory there is nothing to say") {
  Home home;
  home.sources.environment["STATE"] = home.path(".openclaw");
  for (char const* const directory : {"~/.openclaw/workspace", "~/.openclaw/workspace/", "~/.openclaw",
                                      "${STATE}/a/../workspace-b", "", " "}) {
    CAPTURE(directory);
    std::string const quoted = "'" + std::string(directory) + "'";
    CHECK(home.warnings("{defaults: {workspace: " + quoted + "}, entries: {main: {workspace: " + quoted +
                        ", agentDir: " + quoted + "}}}") == Lines{});
  }
  for (char const* const other :
       {"{}", "5", "{defaults: 5, entries: 5}", "{entries: {a: 5, b: {workspace: 5}}}"}) {
    CAPTURE(other);
    CHECK(home.warnings(other) == Lines{});
  }
}

TEST_CASE("agent directories: each one outside is named") {
  Home home;
  CHECK(home.warnings("{defaults: {workspace: '~/clawd'}}") ==
        Lines{home.outside("agents.defaults.workspace", home.path("clawd"))});
  CHECK(home.warnings("{defaults: {workspace: '~/.openclaw/../clawd/'}}") ==
        Lines{home.outside("agents.defaults.workspace", home.path(".openclaw/../clawd"))});
  CHECK(home.warnings("{entries: {work: {workspace: '/srv/work', agentDir: '/srv/agent'}, "
                      "b: {workspace: '~/.openclaw-b'}}}") ==
        Lines{home.outside("agents.entries.work.workspace", "/srv/work"),
              home.outside("agents.entries.work.agentDir", "/srv/agent"),
              home.outside("agents.entries.b.workspace", home.path(".openclaw-b"))});
  // One directory of several agents is one directory.
  CHECK(home.warnings("{defaults: {workspace: '/srv/w'}, entries: {a: {workspace: '/srv/w/'}}}") ==
        Lines{home.outside("agents.defaults.workspace", "/srv/w")});
}

TEST_CASE("agent directories: ~ is OpenClaw's home directory") {
  Home home;
  home.sources.environment["OPENCLAW_HOME"] = home.path("other");
  home.write("other/.openclaw/openclaw.json", "{agents: {defaults: {workspace: '~/.openclaw/workspace'}}}");
  CHECK(home.load().warnings == Lines{});
  home.write("other/.openclaw/openclaw.json", "{agents: {defaults: {workspace: '~/clawd'}}}");
  CHECK(any_contains(home.load().warnings, " is " + home.path("other/clawd") + ", which lies outside"));
}

TEST_CASE("agent directories: a link out of the state directory leads outside, one into it does not") {
  Home home;
  REQUIRE(make_directories(home.path("real")).has_value());
  REQUIRE(make_directories(home.path(".openclaw/workspace")).has_value());
  REQUIRE(::symlink(home.path("real").c_str(), home.path(".openclaw/link").c_str()) == 0);
  CHECK(home.warnings("{defaults: {workspace: '~/.openclaw/link'}}") ==
        Lines{home.outside("agents.defaults.workspace", home.path(".openclaw/link"))});
  REQUIRE(::symlink(home.path(".openclaw").c_str(), home.path("state").c_str()) == 0);
  CHECK(home.warnings("{defaults: {workspace: '~/state/workspace'}}") == Lines{});
}

TEST_CASE("agent directories: variables are followed, and their values not shown") {
  Home home;
  home.write(".openclaw/.env", "PLACE=/srv/hunter2\n");
  CHECK(home.warnings("{defaults: {workspace: '${PLACE}/w'}}") ==
        Lines{home.outside("agents.defaults.workspace", "${PLACE}/w")});
  Lines const lines = home.warnings("{defaults: {workspace: '${NOWHERE}/w'}}");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with(
      "agents.defaults.workspace in openclaw.json is written with ${NOWHERE}, which is set"));
  CHECK(any_contains(lines, home.path(".openclaw/.env")));
}

TEST_CASE("agent directories: a relative one is not known") {
  Home home;
  Lines const lines = home.warnings("{defaults: {workspace: 'clawd'}}");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("agents.defaults.workspace in openclaw.json is the relative path clawd"));
}

TEST_CASE("agent directories: many are not all listed") {
  Home home;
  std::string entries;
  for (int i = 0; i < 50; ++i)
    entries += "a" + std::to_string(i) + ": {workspace: '/srv/" + std::to_string(i) + "'}, ";
  Lines const lines = home.warnings("{entries: {" + entries + "}}");
  REQUIRE(lines.size() == 21);
  CHECK(lines.back() ==
        "30 more directories of agents are not backed up by this version, or not known to be");
}

TEST_CASE("agent directories: what is broken in openclaw.json is no failure") {
  Home home;
  home.write_config("{keyId: 'id', applicationKey: 'key', bucket: 'abc'}");
  Lines const lines = home.warnings("{$include: 'missing.json5'}");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("whether agents have directories outside of the state directory"));
  CHECK(any_contains(lines, "missing.json5"));

  home.write_openclaw("{agents: {defaults: {workspace: '/srv/w'}");
  CHECK_FALSE(any_contains(home.load().warnings, "/srv/w"));
  home.write(".openclaw/openclaw.json.last-good", "{agents: {defaults: {workspace: '/srv/w'}}}");
  CHECK(any_contains(home.load().warnings,
                     "agents.defaults.workspace in openclaw.json.last-good is /srv/w, which lies outside"));
}
