#include "daemon/control/snapshot_path.h"

#include "tests/support/catch.h"

using namespace b2b;
using b2b::daemonctl::path_in_snapshot;
using b2b::daemonctl::pattern_in_snapshot;

TEST_CASE("snapshot path: a place on this machine is what the snapshot calls it") {
  Config config;
  config.state_dir = "/home/a/.openclaw";
  config.home = "/home/a";
  config.roots = {{"@workspace", "/srv/agents/work", "agents.defaults.workspace", "/srv/agents/work"}};
  CHECK(path_in_snapshot(config, "/home/a/.openclaw/workspace/**") == "workspace/**");
  CHECK(path_in_snapshot(config, "/home/a/.openclaw//workspace/") == "workspace/");
  CHECK(path_in_snapshot(config, "~/.openclaw/workspace/MEMORY.md") == "workspace/MEMORY.md");
  CHECK(path_in_snapshot(config, "/home/a/.openclaw").empty());
  CHECK(path_in_snapshot(config, "/srv/agents/work/notes.md") == "@workspace/notes.md");
  CHECK(path_in_snapshot(config, "/srv/agents/work") == "@workspace");
  for (char const* const kept : {"workspace/**", "/workspace/**", "/home/a/.openclaw-work/x", "/srv/agents/workshop/x", "~other/x", "", "/", "../x"})
    CHECK(path_in_snapshot(config, kept) == kept);
  CHECK(path_in_snapshot(Config{}, "/workspace/x") == "/workspace/x");
  CHECK(path_in_snapshot(Config{}, "~/x") == "~/x");
}

TEST_CASE("snapshot path: a pattern that was given by its place means only what lies there") {
  Config config;
  config.state_dir = "/home/a/.openclaw";
  config.home = "/home/a";
  config.roots = {{"@workspace", "/srv/work", "agents.defaults.workspace", "/srv/work"}};
  // Without a '/' a pattern would match at any depth.
  CHECK(pattern_in_snapshot(config, "/home/a/.openclaw/keys.txt") == "/keys.txt");
  CHECK(pattern_in_snapshot(config, "~/.openclaw/keys.txt") == "/keys.txt");
  CHECK(pattern_in_snapshot(config, "~/.openclaw/workspace/") == "/workspace/");
  CHECK(pattern_in_snapshot(config, "/srv/work") == "/@workspace");
  CHECK(pattern_in_snapshot(config, "~/.openclaw/workspace/keys.txt") == "workspace/keys.txt");
  CHECK(pattern_in_snapshot(config, "~/.openclaw").empty());
  for (char const* const kept : {"keys.txt", "/keys.txt", "workspace/", "*.pem", ""}) CHECK(pattern_in_snapshot(config, kept) == kept);
}
