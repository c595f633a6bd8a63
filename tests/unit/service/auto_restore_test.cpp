#include "daemon/service/auto_restore.h"

#include <boost/json.hpp>

#include "core/engine/remove_snapshot.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using namespace b2b::service;
using b2b::test::Machine;

namespace {

AutoRestoreWish wish_of(Machine& machine) {
  auto const context = machine.open();
  auto const wish = wants_auto_restore(machine.config, *context.index, {});
  REQUIRE(wish);
  return *wish;
}

void empty_state(Machine& machine) {
  machine.remove("workspace");
  machine.remove("agents");
}

}  // namespace

TEST_CASE("auto-restore: wanted on a machine that is new, and only there") {
  Machine machine;
  SECTION("a state in use") {
    auto const wish = wish_of(machine);
    CHECK_FALSE(wish.wanted);
    CHECK(wish.alarm.empty());
  }
  SECTION("as a new installation leaves it") {
    empty_state(machine);
    auto const wish = wish_of(machine);
    CHECK(wish.wanted);
    CHECK(wish.alarm.empty());
  }
  SECTION("no state directory at all") {
    std::filesystem::remove_all(machine.config.state_dir);
    CHECK(wish_of(machine).wanted);
  }
  SECTION("new, and it is switched off") {
    empty_state(machine);
    machine.config.service.auto_restore = false;
    auto const wish = wish_of(machine);
    CHECK_FALSE(wish.wanted);
    CHECK(wish.alarm.empty());
  }
}

TEST_CASE("auto-restore: only when the newest snapshot is signed; else both choices are named") {
  Machine machine;
  auto const ours = machine.push_ok().snapshot.value().text;
  std::string const theirs = "2026-02-19T12-30-00-000Z-0000000a";
  bool const plugin_wrote = GENERATE(true, false);
  bool const older_one = GENERATE(true, false);
  auto context = machine.open();
  if (!older_one) REQUIRE(remove_snapshot(context, parse_snapshot_id(ours).value()));
  if (plugin_wrote)
    REQUIRE(machine.memory->put(layout::manifest_key(machine.config.prefix, parse_snapshot_id(theirs).value()),
                                MemorySource(R"({"version":1,"timestamp":"2026-02-19T12:30:00.000Z","files":{}})"), {}));
  machine.clock.advance(std::chrono::hours(1));
  empty_state(machine);
  auto const answer = auto_restore(context);
  REQUIRE(answer);
  CHECK(answer->at("restored").as_bool() == (older_one && !plugin_wrote));
  CHECK(std::filesystem::exists(machine.path("workspace/MEMORY.md")) == (older_one && !plugin_wrote));
  if (answer->at("restored").as_bool()) return;
  std::string const reason(answer->at("reason").as_string());
  CHECK((reason.find("daemonctl restore " + theirs) != std::string::npos) == plugin_wrote);
  CHECK((reason.find("(or daemonctl restore " + ours) != std::string::npos) == (plugin_wrote && older_one));
}

TEST_CASE("auto-restore: an empty state that was backed up before is an alarm, never a restore") {
  Machine machine;
  SECTION("a snapshot was made") { machine.push_ok(); }
  SECTION("the daemon remembers one") { REQUIRE(machine.open().index->set_value("last-good", "1 2026-02-19T12-00-00-000Z-1a2b3c4d")); }
  CHECK_FALSE(wish_of(machine).wanted);
  CHECK(wish_of(machine).alarm.empty());           // in use: all is well
  empty_state(machine);
  auto const wish = wish_of(machine);
  CHECK_FALSE(wish.wanted);
  CHECK(wish.alarm.find(machine.config.state_dir) != std::string::npos);
  CHECK(wish.alarm.find("daemonctl restore latest") != std::string::npos);
}
