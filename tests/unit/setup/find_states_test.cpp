#include "daemon/setup/find_states.h"

#include <filesystem>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::setup;

namespace {

void put(std::string const& path, std::string_view content) {
  REQUIRE(make_directories(parent_path(path)));
  REQUIRE(atomic_write_file(path, content));
}

ConfigSources at(test::Scratch const& home) {
  ConfigSources sources;
  sources.home = home.path();
  sources.working_directory = home.path();
  return sources;
}

}  // namespace

TEST_CASE("find states: the default, the profiles, the environment's, each once") {
  test::Scratch const home;
  CHECK(find_states(at(home)).empty());
  for (char const* name : {".openclaw-work", ".openclaw", ".openclaw-b.c", ".openclaw-", "elsewhere"})
    std::filesystem::create_directory(home / name);
  put(home / ".openclaw-file", "not a directory");
  std::filesystem::create_directory(home / ".openclaw-art");
  auto states = find_states(at(home));
  REQUIRE(states.size() == 3);
  CHECK(states[0].path == home / ".openclaw");
  CHECK(states[0].is_default());
  CHECK(states[1].profile == "art");
  CHECK(states[2].profile == "work");

  auto sources = at(home);
  sources.environment["OPENCLAW_STATE_DIR"] = home / "elsewhere";
  states = find_states(sources);
  REQUIRE(states.size() == 4);
  CHECK(states[0].path == home / "elsewhere");
  CHECK(states[0].found == "OPENCLAW_STATE_DIR");
  sources.environment["OPENCLAW_STATE_DIR"] = home / ".openclaw-work";
  states = find_states(sources);
  REQUIRE(states.size() == 3);
  CHECK(states[0].profile == "work");
}

TEST_CASE("find states: what is in one, in a few words") {
  test::Scratch const scratch;
  CHECK(describe(look_into(scratch.path())) == "empty");
  put(scratch / "b2backupd/lock", "ours");
  put(scratch / "cache/x", "regenerable");
  CHECK(is_empty(look_into(scratch.path())));
  put(scratch / "openclaw.json", "{}");
  put(scratch / "agents/main/sessions/a.jsonl", "{}\n");
  put(scratch / "agents/main/agent/a.sqlite", "x");
  put(scratch / "agents/other/note", "x");
  std::filesystem::create_symlink("/etc/passwd", scratch / "link");
  auto const contents = look_into(scratch.path());
  CHECK(contents.agents == 2);
  CHECK(contents.files == 4);
  CHECK(contents.bytes == 7);
  CHECK(describe(contents) == "openclaw.json, 2 agents, 1 transcript, 1 database; 4 files, 7 B");
  CHECK(describe(look_into(scratch / "gone")).find("cannot be read") == 0);
}
