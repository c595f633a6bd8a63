#include <unistd.h>

#include "core/config/agent_directories.h"
#include "tests/unit/config/config_fixture.h"

using namespace b2b;
using test::any_contains;

namespace {

using Lines = std::vector<std::string>;

struct Home : test::ConfigHome {
  LoadedConfig with(std::string_view agents) const {
    write_openclaw("{agents: " + std::string(agents) + "}");
    return load();
  }
  // "label=path" of each root.
  Lines roots(std::string_view agents) const {
    LoadedConfig const loaded = with(agents);
    CHECK(loaded.warnings == Lines{});
    Lines out;
    for (AgentRoot const& root : loaded.config.roots) out.push_back(root.label + "=" + root.path);
    return out;
  }
  Lines warnings(std::string_view agents) const { return with(agents).warnings; }
};

}  // namespace

TEST_CASE("agent directories: inside the state directory they are taken whole, and are no roots") {
  Home home;
  home.sources.environment["STATE"] = home.path(".openclaw");
  for (char const* const directory : {"~/.openclaw", "", " "})
    CHECK(home.with("{defaults: {workspace: '" + std::string(directory) + "'}}").config.agents_here == Lines{});
  for (char const* const directory : {"~/.openclaw/projects/w", "~/.openclaw/projects/w/", "${STATE}/a/../projects/w"}) {
    CAPTURE(directory);
    std::string const quoted = "'" + std::string(directory) + "'";
    LoadedConfig const loaded =
        home.with("{defaults: {workspace: " + quoted + "}, entries: {main: {workspace: " + quoted + ", agentDir: " + quoted + "}}}");
    CHECK(loaded.warnings == Lines{});
    CHECK(loaded.config.roots.empty());
    CHECK(loaded.config.agents_here == Lines{"projects/w"});
  }
  for (char const* const other : {"{}", "5", "{defaults: 5, entries: 5, list: 5}", "{entries: {a: 5, b: {workspace: 5}}}",
                                  "{list: [5, {id: 5}, {workspace: '/srv/w'}]}"}) {
    CAPTURE(other);
    CHECK(home.roots(other) == Lines{});
  }
}

TEST_CASE("agent directories: each one outside is a root with a label of its own") {
  Home home;
  CHECK(home.roots("{defaults: {workspace: '~/clawd'}}") == Lines{"@workspace=" + home.path("clawd")});
  CHECK(home.roots("{defaults: {workspace: '~/.openclaw/../clawd/'}}") == Lines{"@workspace=" + home.path("clawd")});
  CHECK(home.roots("{entries: {work: {workspace: '/srv/work', agentDir: '/srv/agent'}, b: {workspace: '~/.openclaw-b'}}}") ==
        Lines{"@agent-work=/srv/agent", "@workspace-b=" + home.path(".openclaw-b"), "@workspace-work=/srv/work"});
  CHECK(home.roots("{list: [{id: 'work', workspace: '/srv/work'}]}") == Lines{"@workspace-work=/srv/work"});
  LoadedConfig const loaded = home.with("{defaults: {workspace: '~/clawd'}}");
  REQUIRE(loaded.config.roots.size() == 1);
  CHECK(loaded.config.roots[0].setting == "agents.defaults.workspace in openclaw.json");
  CHECK(loaded.config.roots[0].written == "~/clawd");
}

TEST_CASE("agent directories: one directory of several agents is one, and one inside another is part of it") {
  Home home;
  CHECK(home.roots("{defaults: {workspace: '/srv/w'}, entries: {a: {workspace: '/srv/w/'}}}") == Lines{"@workspace=/srv/w"});
  CHECK(home.roots("{defaults: {workspace: '/srv/w'}, entries: {a: {workspace: '/srv/w/a'}, b: {workspace: '/srv/wide'}}}") ==
        Lines{"@workspace=/srv/w", "@workspace-b=/srv/wide"});
  CHECK(home.roots("{defaults: {workspace: '/srv/w/deep'}, entries: {a: {workspace: '/srv/w'}}}") == Lines{"@workspace-a=/srv/w"});
  // A workspace may contain the state directory.
  CHECK(home.roots("{defaults: {workspace: '~'}}") == Lines{"@workspace=" + home.path("")});
}

TEST_CASE("agent directories: the whole file system is none") {
  Home home;
  LoadedConfig const loaded = home.with("{defaults: {workspace: '/'}}");
  CHECK(loaded.config.roots.empty());
  CHECK(any_contains(loaded.warnings, "is the whole file system"));
}

TEST_CASE("agent directories: OpenClaw's variable for the default workspace counts") {
  Home home;
  home.sources.environment["OPENCLAW_WORKSPACE_DIR"] = "/srv/env";
  CHECK(home.roots("{}") == Lines{"@workspace=/srv/env"});
}

TEST_CASE("agent directories: a label is made of plain characters") {
  CHECK(root_label("@workspace-", "main") == "@workspace-main");
  CHECK(root_label("@agent-", "a/b c") == "@agent-a%2Fb%20c");
  CHECK(root_label("@agent-", "\xc3\xa4") == "@agent-%C3%A4");
}

TEST_CASE("agent directories: ~ is OpenClaw's home directory") {
  Home home;
  home.sources.environment["OPENCLAW_HOME"] = home.path("other");
  home.write("other/.openclaw/openclaw.json", "{agents: {defaults: {workspace: '~/.openclaw/workspace'}}}");
  CHECK(home.load().config.roots.empty());
  home.write("other/.openclaw/openclaw.json", "{agents: {defaults: {workspace: '~/clawd'}}}");
  REQUIRE(home.load().config.roots.size() == 1);
  CHECK(home.load().config.roots[0].path == home.path("other/clawd"));
  CHECK(home.load().config.home == home.path("other"));
}

TEST_CASE("agent directories: a link out of the state directory leads outside, one into it does not") {
  Home home;
  REQUIRE(make_directories(home.path("real")).has_value());
  REQUIRE(make_directories(home.path(".openclaw/workspace")).has_value());
  REQUIRE(::symlink(home.path("real").c_str(), home.path(".openclaw/link").c_str()) == 0);
  CHECK(home.roots("{defaults: {workspace: '~/.openclaw/link'}}") == Lines{"@workspace=" + home.path("real")});
  REQUIRE(::symlink(home.path(".openclaw").c_str(), home.path("state").c_str()) == 0);
  CHECK(home.roots("{defaults: {workspace: '~/state/workspace'}}") == Lines{});
}

TEST_CASE("agent directories: variables are followed, and their values not shown") {
  Home home;
  home.write(".openclaw/.env", "PLACE=/srv/hunter2\n");
  CHECK(home.roots("{defaults: {workspace: '${PLACE}/w'}}") == Lines{"@workspace=/srv/hunter2/w"});
  CHECK(home.with("{defaults: {workspace: '${PLACE}/w'}}").config.roots[0].written == "${PLACE}/w");
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

TEST_CASE("agent directories: many warnings are not all listed") {
  Home home;
  std::string entries;
  for (int i = 0; i < 50; ++i)
    entries += "a" + std::to_string(i) + ": {workspace: 'w" + std::to_string(i) + "'}, ";
  Lines const lines = home.warnings("{entries: {" + entries + "}}");
  REQUIRE(lines.size() == 21);
  CHECK(lines.back() == "30 more directories of agents are not backed up");
}

TEST_CASE("agent directories: what is broken in openclaw.json is no failure") {
  Home home;
  home.write_config("{keyId: 'id', applicationKey: 'key', bucket: 'abc'}");
  Lines const lines = home.warnings("{$include: 'missing.json5'}");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].starts_with("whether agents have directories outside of the state directory"));
  CHECK(any_contains(lines, "missing.json5"));

  home.write_openclaw("{agents: {defaults: {workspace: '/srv/w'}");
  CHECK(home.load().config.roots.empty());
  home.write(".openclaw/openclaw.json.last-good", "{agents: {defaults: {workspace: '/srv/w'}}}");
  REQUIRE(home.load().config.roots.size() == 1);
  CHECK(home.load().config.roots[0].setting == "agents.defaults.workspace in openclaw.json.last-good");
}
