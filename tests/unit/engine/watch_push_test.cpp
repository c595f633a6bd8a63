#include "core/engine/watch_push.h"

#include "core/engine/choose_layout.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

using Layout = std::optional<SnapshotLayout>;

Layout on_record(Config const& config, Index* index) {
  auto const layout = known_layout(config, index);
  INFO((layout ? std::string() : layout.error().text()));
  REQUIRE(layout);
  return *layout;
}

}  // namespace

TEST_CASE("changes are pushed as watch.push says, else as the layout has it") {
  for (Layout const layout : {Layout(), Layout(SnapshotLayout::packed), Layout(SnapshotLayout::plugin)}) {
    CHECK(watch_push(true, layout) == WatchPush{true, "set with watch.push"});
    CHECK(watch_push(false, layout) == WatchPush{false, "set with watch.push"});
  }
  CHECK(watch_push({}, SnapshotLayout::packed) == WatchPush{true, "the packed layout's default"});
  CHECK(watch_push({}, SnapshotLayout::plugin) == WatchPush{false, "the plugin layout's default"});
  CHECK_FALSE(watch_push({}, {}).on);
}

TEST_CASE("the layout on record is told without the store, from the first push on, and follows a switch") {
  Machine machine;
  std::string const bucket = machine.root() + "/bucket";
  std::filesystem::create_directories(bucket + "/bucket");
  machine.config.endpoint = "file://" + bucket;
  machine.config.layout = LayoutChoice::automatic;
  auto opened = open_engine(machine.config, machine.clock, {});
  INFO((opened ? std::string() : opened.error().text()));
  REQUIRE(opened);
  CHECK_FALSE(on_record(machine.config, opened->index.get()));
  REQUIRE(push(*opened, {}));
  std::filesystem::remove_all(bucket);
  CHECK(on_record(machine.config, opened->index.get()) == SnapshotLayout::packed);
  REQUIRE(keep_layout(*opened, SnapshotLayout::plugin));
  CHECK(on_record(machine.config, opened->index.get()) == SnapshotLayout::plugin);
  SECTION("another prefix or bucket is another matter") {
    machine.config.prefix = "other";
    CHECK_FALSE(on_record(machine.config, opened->index.get()));
    machine.config.prefix = "openclaw-backup";
    machine.config.bucket = "other";
    CHECK_FALSE(on_record(machine.config, opened->index.get()));
  }
  SECTION("no records") { CHECK_FALSE(on_record(machine.config, nullptr)); }
  SECTION("settings that leave no choice need none") {
    machine.config.layout = LayoutChoice::packed;
    CHECK(on_record(machine.config, nullptr) == SnapshotLayout::packed);
    machine.config.layout = LayoutChoice::automatic;
    machine.config.encrypt = false;
    CHECK(on_record(machine.config, nullptr) == SnapshotLayout::plugin);
  }
}
