#include "core/engine/unchanged_paths.h"

#include "core/sqlite/sqlite.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;
using Paths = std::set<std::string, std::less<>>;
using Changed = std::vector<std::string>;

TEST_CASE("really changed: what the newest snapshot has just so is no change") {
  Machine machine;
  std::filesystem::create_symlink("MEMORY.md", machine.path("workspace/link"));
  std::filesystem::create_directories(machine.path("state"));
  auto made = sqlite::Database::open(machine.path("state/openclaw.sqlite"), sqlite::OpenMode::create, 0);
  REQUIRE(made);
  REQUIRE(made->execute("PRAGMA journal_mode=WAL"));
  REQUIRE(made->execute("CREATE TABLE t(x)"));
  Paths const seen{"agents", "state/openclaw.sqlite", "workspace/MEMORY.md", "workspace/gone.md", "workspace/link"};
  CHECK(really_changed(machine.open(), seen) == Changed(seen.begin(), seen.end()));  // there is nothing to compare with
  machine.push_ok();
  // Whether a link is the same is not looked at.
  CHECK(really_changed(machine.open(), seen) == Changed{"workspace/link"});

  REQUIRE(made->execute("INSERT INTO t VALUES(1)"));
  machine.write("workspace/MEMORY.md", "# other\n");
  machine.write("workspace/gone.md", "it is there");
  machine.remove("agents");
  CHECK(really_changed(machine.open(), seen) == Changed(seen.begin(), seen.end()));
  machine.push_ok();
  CHECK(really_changed(machine.open(), seen) == Changed{"workspace/link"});
}

TEST_CASE("really changed: very many are not looked at") {
  Machine machine;
  machine.push_ok();
  Paths many;
  for (std::size_t i = 0; i <= unchanged_paths_max; ++i) many.insert("workspace/never" + std::to_string(i));
  CHECK(really_changed(machine.open(), many).size() == many.size());
  many.erase(many.begin());
  CHECK(really_changed(machine.open(), many).empty());
}
