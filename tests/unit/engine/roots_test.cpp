// Agents' directories outside of the state directory, from the capture to the restore.
#include "core/engine/restore_roots.h"
#include "core/engine/roots.h"

#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// A machine whose default workspace lies beside its state directory.
struct Outside : Machine {
  Outside() {
    std::filesystem::create_directories(place());
    put("SOUL.md", "soul");
    config.roots.push_back({"@workspace", place(), "agents.defaults.workspace in openclaw.json", "~/clawd"});
  }
  std::string place() const { return root() + "/clawd"; }
  void put(std::string const& name, std::string const& content) const {
    std::filesystem::create_directories(std::filesystem::path(place() + "/" + name).parent_path());
    std::ofstream(place() + "/" + name, std::ios::binary) << content;
  }
};

}  // namespace

TEST_CASE("roots: an entry's label says where its file is") {
  std::vector<Root> const roots{{"", "/home/a/.openclaw"}, {"@workspace", "/home/a/clawd"}};
  std::size_t bytes = 0;
  CHECK(absolute_path(roots, "workspace/a", &bytes) == "/home/a/.openclaw/workspace/a");
  CHECK(bytes == 17);
  CHECK(absolute_path(roots, "@workspace/a/b", &bytes) == "/home/a/clawd/a/b");
  CHECK(bytes == 13);
  CHECK(absolute_path(roots, "@workspace-b/a") == "/home/a/.openclaw/@workspace-b/a");
}

TEST_CASE("roots: a workspace elsewhere is in the snapshot, with where it was") {
  Outside machine;
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  CHECK(report.complete);
  auto const contents = machine.contents(*report.snapshot);
  CHECK(contents.at("@workspace/SOUL.md") == "soul");
  CHECK(contents.at("workspace/MEMORY.md") == "# memory\n");
  auto context = machine.open();
  auto scratch = TemporaryDirectory::create("/tmp", "b2b-roots-").value();
  auto const loaded = load_snapshot(context, *report.snapshot, scratch.path());
  REQUIRE(loaded);
  REQUIRE(loaded->manifest.info.roots.size() == 1);
  CHECK(loaded->manifest.info.roots[0].label == "@workspace");
  CHECK(loaded->manifest.info.roots[0].path == machine.place());
  CHECK(loaded->manifest.info.roots[0].written == "~/clawd");
}

TEST_CASE("roots: a change there makes a snapshot, and no change none") {
  Outside machine;
  machine.push_ok();
  CHECK(machine.push_ok().unchanged);
  machine.put("memory/today.md", "today");
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  CHECK(report.added == 1);
  CHECK(machine.contents(*report.snapshot).at("@workspace/memory/today.md") == "today");
}

TEST_CASE("roots: a workspace that contains the state directory is taken without it") {
  Outside machine;
  machine.config.roots.front().path = machine.root();
  auto const contents = machine.contents(*machine.push_ok().snapshot);
  CHECK(contents.contains("@workspace/clawd/SOUL.md"));
  CHECK(contents.contains("openclaw.json"));
  for (auto const& [path, content] : contents) {
    CHECK_FALSE(path.starts_with("@workspace/state/"));
    CHECK_FALSE(path.starts_with("@workspace/data/"));
  }
}

TEST_CASE("roots: an agent's directory inside the state directory is taken wherever it is") {
  Machine machine;
  machine.write("projects/w/notes.md", "notes");
  CHECK_FALSE(machine.contents(*machine.push_ok().snapshot).contains("projects/w/notes.md"));
  machine.config.agents_here.push_back("projects/w");
  CHECK(machine.contents(*machine.push_ok().snapshot).at("projects/w/notes.md") == "notes");
}

TEST_CASE("roots: one that was never there is nothing to say, one that went makes the snapshot incomplete") {
  Outside machine;
  std::filesystem::remove_all(machine.place());
  CHECK(machine.push_ok().complete);
  machine.put("SOUL.md", "soul");
  CHECK(machine.push_ok().complete);
  std::filesystem::remove_all(machine.place());
  auto const report = machine.push_ok();
  CHECK_FALSE(report.complete);
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped.front().path == "@workspace");
  // And so is every later one, also when an empty mount point is there; until it has files again or is no longer named.
  std::filesystem::create_directories(machine.place());
  machine.write("workspace/MEMORY.md", "later");
  CHECK_FALSE(machine.push_ok().complete);
  machine.write("workspace/MEMORY.md", "much later");
  CHECK_FALSE(machine.push_ok().complete);
  machine.put("SOUL.md", "soul");
  CHECK(machine.push_ok().complete);
  std::filesystem::remove_all(machine.place());
  machine.config.roots.clear();
  machine.config.roots_known = true;
  CHECK(machine.push_ok().complete);
}

TEST_CASE("roots: while openclaw.json is away those of before are backed up") {
  Outside machine;
  machine.config.roots_known = true;
  machine.config.agents_here = {"projects/w"};
  machine.config.endpoint = "file://" + machine.root() + "/store";
  std::filesystem::create_directories(machine.root() + "/store");
  REQUIRE(open_engine(machine.config, machine.clock, {}));
  Config away = machine.config;
  away.roots.clear();
  away.agents_here.clear();
  away.roots_known = false;
  auto const engine = open_engine(away, machine.clock, {});
  REQUIRE(engine);
  CHECK(engine->config.roots == machine.config.roots);
  CHECK(engine->config.agents_here == machine.config.agents_here);
  away.roots_known = true;  // it names none any more
  CHECK(open_engine(away, machine.clock, {})->config.roots.empty());
  Config nothing;
  take_roots("{\"roots\":[{\"label\":\"no\"},5],\"here\":5}", nothing);
  take_roots("[", nothing);
  CHECK(nothing.roots.empty());
}

TEST_CASE("roots: restored to a directory they lie there under their labels") {
  Outside machine;
  machine.push_ok();
  auto context = machine.open();
  RestoreOptions options;
  options.target = machine.root() + "/copy";
  auto const report = restore(context, options);
  REQUIRE(report);
  CHECK(read_file(options.target + "/@workspace/SOUL.md", 100).value() == "soul");
  CHECK(read_file(options.target + "/workspace/MEMORY.md", 100).value() == "# memory\n");
}

namespace {

RestoreReport restored(Outside& machine, std::vector<std::string> paths = {}) {
  auto context = machine.open();
  context.store = std::shared_ptr<Store>(std::shared_ptr<void>(), machine.memory.get());
  RestoreOptions options;
  options.confirmed = true;
  options.paths = std::move(paths);
  auto report = restore(context, options);
  INFO((report ? std::string() : report.error().text()));
  REQUIRE(report);
  return *report;
}

}  // namespace

TEST_CASE("roots: a rollback brings back both, and moves what came later away") {
  Outside machine;
  machine.push_ok();
  machine.put("SOUL.md", "changed");
  machine.put("later/note.md", "later");
  machine.write("workspace/MEMORY.md", "changed");
  auto const report = restored(machine);
  CHECK(report.failed.empty());
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "soul");
  CHECK(read_file(machine.path("workspace/MEMORY.md"), 100).value() == "# memory\n");
  CHECK_FALSE(path_exists(machine.place() + "/later/note.md"));
  CHECK(report.removed == 1);
  REQUIRE(report.safety);
  auto const safety = machine.contents(*report.safety);
  CHECK(safety.at("@workspace/SOUL.md") == "changed");
  CHECK(safety.at("@workspace/later/note.md") == "later");
  // Nothing of ours stays in the workspace but the quarantine.
  for (auto const& left : std::filesystem::directory_iterator(machine.place())) {
    std::string const name = left.path().filename().string();
    CHECK((name == "SOUL.md" || name.starts_with(".b2backupd-quarantine-")));
  }
  CHECK(restored(machine).restored == 0);
}

TEST_CASE("roots: only what is asked for is restored") {
  Outside machine;
  machine.put("memory/a.md", "a");
  machine.push_ok();
  machine.put("SOUL.md", "changed");
  machine.put("memory/a.md", "changed");
  machine.write("workspace/MEMORY.md", "changed");
  CHECK(restored(machine, {"@workspace/memory/**"}).restored == 1);
  CHECK(read_file(machine.place() + "/memory/a.md", 100).value() == "a");
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "changed");
  CHECK(read_file(machine.path("workspace/MEMORY.md"), 100).value() == "changed");
  CHECK(restored(machine, {"workspace/**"}).restored == 1);
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "changed");
}

TEST_CASE("roots: a directory that is gone is made again, with what the configuration here calls it") {
  Outside machine;
  machine.push_ok();
  std::filesystem::remove_all(machine.place());
  CHECK(restored(machine).failed.empty());
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "soul");
  // Another home directory, and no configuration yet: a new machine.
  machine.config.roots.clear();
  machine.config.home = machine.root() + "/home";
  CHECK(restored(machine).failed.empty());
  CHECK(read_file(machine.root() + "/home/clawd/SOUL.md", 100).value() == "soul");
}

TEST_CASE("roots: where nobody backs it up, what is there is not replaced") {
  Outside machine;
  machine.push_ok();
  machine.put("SOUL.md", "of somebody else");
  machine.config.roots.clear();
  auto const report = restored(machine);
  REQUIRE(report.failed.size() == 1);
  CHECK(report.failed.front().path == "@workspace");
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "of somebody else");
}

TEST_CASE("roots: under another label than then, a workspace that contains the state directory leaves that alone") {
  Outside machine;
  machine.config.roots.front().path = machine.root();
  machine.push_ok();
  machine.config.roots.front().label = "@workspace-main";
  auto const report = restored(machine);
  CHECK(report.failed.empty());
  CHECK(report.removed == 0);
  CHECK(path_exists(machine.path("openclaw.json")));
}

TEST_CASE("roots: one that could not be read when the snapshot was taken stays as it is") {
  Outside machine;
  std::filesystem::remove_all(machine.place());
  std::ofstream(machine.place()) << "a file where the workspace was";
  CHECK_FALSE(machine.push_ok().complete);
  std::filesystem::remove(machine.place());
  machine.put("SOUL.md", "soul");
  auto context = machine.open();
  RestoreOptions options;
  options.confirmed = true;
  options.snapshot = list_bucket(context, false).value().snapshots.front().info.id.text;
  REQUIRE(restore(context, options));
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "soul");
}

TEST_CASE("roots: an agent's directory is only brought back where nothing is") {
  Outside machine;
  machine.config.roots.front().label = "@agent-work";
  machine.push_ok();
  machine.put("SOUL.md", "changed");
  CHECK(restored(machine).failed.size() == 1);
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "changed");
  std::filesystem::remove_all(machine.place());
  CHECK(restored(machine).failed.empty());
  CHECK(read_file(machine.place() + "/SOUL.md", 100).value() == "soul");
}

TEST_CASE("roots: a place inside the state directory or our own data is refused") {
  Outside machine;
  machine.push_ok();
  machine.config.roots.front().path = machine.path("somewhere");
  auto const report = restored(machine);
  REQUIRE(report.failed.size() == 1);
  CHECK(report.failed.front().error.find("lies in") != std::string::npos);
  CHECK_FALSE(path_exists(machine.path("somewhere")));
}

TEST_CASE("roots: where one goes") {
  Config config;
  config.home = "/home/b";
  SnapshotRoot const root{"@workspace", "/home/a/clawd", "~/clawd"};
  CHECK(place_of_root(config, root).path == "/home/b/clawd");
  config.roots = {{"@workspace", "/srv/clawd", "", "~/clawd"}};
  CHECK(place_of_root(config, root).path == "/srv/clawd");
  config.roots = {{"@workspace-main", "/home/b/clawd", "", "x"}};
  CHECK(place_of_root(config, root).problem.empty());
  config.roots = {{"@workspace", "/elsewhere", "", "/elsewhere"}};
  CHECK(place_of_root(config, {"@workspace", "/", "/"}).problem.find("/elsewhere now") != std::string::npos);
}
