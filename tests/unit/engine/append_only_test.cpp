// An application key that may not delete, for weeks: pushes, collections that come due, small packs and index objects that wait to be put together.
#include "core/engine/delete_refusal.h"
#include "core/engine/packed_prune.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

struct AppendOnly : Machine {
  bool may_delete = false;
  std::string locked;   // where set: this alone may not be deleted
  std::unique_ptr<FaultStore> store;

  AppendOnly() {
    config.layout = LayoutChoice::packed;
    config.retention = RetentionRules{};
    config.retention->last = 3;
    config.retention->hourly = config.retention->daily = config.retention->monthly = 0;
    FaultPlan plan;
    plan.before = [this](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
      if (verb != "remove_versions" || may_delete) return {};
      if (!locked.empty() && subject.find(locked) == std::string::npos) return {};
      return make_error(Condition::permission, "no permission to delete", {}, subject);
    };
    store = std::make_unique<FaultStore>(*memory, std::move(plan));
  }

  std::vector<std::string> told;   // by pushes

  SnapshotId push_on() {
    auto context = open(store.get());
    auto const report = push(context, {});
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    REQUIRE(report->snapshot);
    told.insert(told.end(), report->warnings.begin(), report->warnings.end());
    return *report->snapshot;
  }
};

}  // namespace

TEST_CASE("append-only: six weeks of pushes, told once, and nothing is written in vain") {
  AppendOnly machine;
  std::vector<SnapshotId> ids;
  for (int i = 0; i < 84; ++i) {
    machine.write("workspace/MEMORY.md", "day " + std::to_string(i) + "\n");
    ids.push_back(machine.push_on());
    machine.clock.advance(std::chrono::hours(12));
  }
  // Each week one look whether it may delete by now, and it is not told again.
  INFO((machine.told.empty() ? std::string() : machine.told.back()));
  CHECK(machine.told.size() == 2);
  auto context = machine.open(machine.store.get());
  CHECK(DeleteRefusal(context).since().value().has_value());
  CHECK(list_bucket(context, true)->snapshots.size() == ids.size());
  CHECK(machine.keys("openclaw-backup.repo/packs/").size() == ids.size());
  CHECK(machine.keys("openclaw-backup.repo/index/").size() == ids.size());
  CHECK(machine.keys("openclaw-backup.repo/marks/").empty());
  for (int i : {0, 40, 83}) CHECK(machine.contents(ids[static_cast<std::size_t>(i)]).at("workspace/MEMORY.md") == "day " + std::to_string(i) + "\n");

  // The right comes: all that waited goes.
  machine.may_delete = true;
  auto const pruned = prune(context, {.on_request = true});
  REQUIRE(pruned);
  CHECK(pruned->removed.size() == ids.size() - 3);
  CHECK_FALSE(DeleteRefusal(context).since().value().has_value());
  for (int i = 0; i < 3; ++i) {
    machine.clock.advance(std::chrono::hours(26));
    REQUIRE(prune(context, {.on_request = true}));
  }
  CHECK(machine.keys("openclaw-backup.repo/packs/").size() < 10);
  CHECK(machine.contents(ids.back()).at("workspace/MEMORY.md") == "day 83\n");
}

TEST_CASE("append-only: where nothing is to be pruned, the collection finds it out, and tells it once") {
  AppendOnly machine;
  machine.config.retention->last = 1000;
  std::vector<SnapshotId> ids;
  for (int i = 0; i < 60; ++i) {
    machine.write("workspace/MEMORY.md", "day " + std::to_string(i) + "\n");
    ids.push_back(machine.push_on());
    machine.clock.advance(std::chrono::hours(12));
  }
  INFO((machine.told.empty() ? std::string() : machine.told.front()));
  CHECK(machine.told.size() == 2);  // of one prune
  // Attempts leave something behind (what they write before they delete): a handful, not one for each push.
  CHECK(machine.keys("openclaw-backup.repo/packs/").size() < ids.size() + 10);
  CHECK(machine.keys("openclaw-backup.repo/index/").size() < ids.size() + 10);
  CHECK(machine.keys("openclaw-backup.repo/marks/").size() < 10);
  for (int i : {0, 30, 59}) CHECK(machine.contents(ids[static_cast<std::size_t>(i)]).at("workspace/MEMORY.md") == "day " + std::to_string(i) + "\n");
}

TEST_CASE("append-only: one locked snapshot holds up neither the others nor the collection, and is tried again the next day") {
  AppendOnly machine;
  machine.may_delete = true;
  std::vector<SnapshotId> ids;
  auto const push_day = [&] {
    machine.clock.advance(std::chrono::hours(25));
    machine.write("workspace/MEMORY.md", "day " + std::to_string(ids.size()) + "\n");
    ids.push_back(machine.push_on());
  };
  for (int i = 0; i < 3; ++i) push_day();
  machine.may_delete = false;
  machine.locked = ids.front().text;
  push_day();   // the locked one alone should go
  auto context = machine.open(machine.store.get());
  CHECK(DeleteRefusal(context).since().value().has_value());
  CHECK(DeleteRefusal(context).is_fresh(machine.clock.now()).value());
  CHECK_FALSE(DeleteRefusal(context).is_fresh(machine.clock.now() + std::chrono::hours(24)).value());

  push_day();   // another one goes, and what it alone needed is collected
  CHECK_FALSE(DeleteRefusal(context).since().value().has_value());
  auto const pruned = prune(context, {.on_request = true});
  REQUIRE(pruned);
  CHECK(list_bucket(context, true)->snapshots.size() == 4);
  CHECK(machine.keys("openclaw-backup.repo/snapshots/").front().ends_with(ids.front().text));
  for (int i = 0; i < 3; ++i) push_day();
  CHECK_FALSE(machine.keys("openclaw-backup.repo/marks/").empty());

  // Nothing is due any more: nothing is said.
  machine.clock.advance(std::chrono::hours(25));
  REQUIRE(DeleteRefusal(context).refused(machine.clock.now(), true));
  machine.config.retention->last = 1000;
  auto later = machine.open(machine.store.get());
  for (int i = 0; i < 3; ++i) {
    machine.clock.advance(std::chrono::hours(26));
    REQUIRE(prune(later, {.on_request = true}));
  }
  CHECK_FALSE(DeleteRefusal(later).since().value().has_value());
}
