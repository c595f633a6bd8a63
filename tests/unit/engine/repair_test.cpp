// Each object of a repository is damaged in turn, in each way: it is found, no wrong byte is ever restored, all that is not named restores, and a
// repair brings back what this machine still has.
#include "core/engine/repair.h"

#include "tests/unit/engine/packed_damage.h"

using namespace b2b;
using namespace b2b::test;

namespace {

using Named = std::set<std::pair<std::string, std::string>>;

// What a new machine gets is right, or its loss is named.
void check_restores(PackedMachine& machine, Named const& told) {
  for (auto const& [id, files] : machine.snapshots) {
    auto const [restored, failed] = machine.restored(id);
    for (auto const& [path, content] : restored) {
      INFO(id.text << " " << path);
      CHECK((files.contains(path) && files.at(path) == content));
    }
    if (failed.contains("")) {
      CHECK(told.contains({id.text, ""}));
      continue;
    }
    CHECK(restored.size() + failed.size() == files.size());
    for (std::string const& path : failed) CHECK(told.contains({id.text, path}));
    for (auto const& [path, content] : restored) CHECK_FALSE(told.contains({id.text, path}));
  }
}

// After a repair: whatever this machine has today restores from each snapshot that can be read, and the newest snapshot is today's state.
void check_healed(PackedMachine& machine, RepairReport const& report) {
  Files const& today = machine.snapshots.back().second;
  auto const told = named(report.problems);
  check_restores(machine, told);
  for (auto const& [id, files] : machine.snapshots) {
    for (auto const& [path, content] : files) {
      INFO(id.text << " " << path);
      if (today.contains(path) && today.at(path) == content) CHECK_FALSE(told.contains({id.text, path}));
    }
  }
  std::string newest = report.snapshot.value_or(machine.snapshots.back().first.text);
  auto const [restored, failed] = machine.restored(parse_snapshot_id(newest).value());
  CHECK(failed.empty());
  CHECK(restored == today);
  auto const again = machine.verify_ok({.snapshot = newest, .read_data = true});
  INFO(in_words(again.problems, again.notes));
  for (VerifyProblem const& problem : again.problems) CHECK(problem.snapshot != newest);
}

void sweep(std::string const& kind, std::vector<std::size_t> const& eighths) {
  PackedMachine machine;
  machine.take_three();
  machine.remember();
  auto const objects = machine.objects(kind);
  REQUIRE(objects.size() == 3);
  for (std::string const& key : objects) {
    std::size_t const size = machine.get(key).size();
    std::vector<std::pair<std::string, std::function<void()>>> damages;
    for (std::size_t const eighth : eighths) {
      std::size_t const at = std::min(size * eighth / 8, size - 1);
      damages.emplace_back("bit flipped at " + std::to_string(at), [&machine, key, at] { machine.flip(key, at); });
    }
    damages.emplace_back("gone", [&] { machine.erase(key); });
    damages.emplace_back("half as long", [&] { machine.put(key, machine.get(key).substr(0, size / 2)); });
    damages.emplace_back("empty", [&] { machine.put(key, ""); });
    for (auto const& [what, damage] : damages) {
      INFO(key << ": " << what);
      damage();
      auto const found = machine.verify_ok({.snapshot = {}, .read_data = true});
      {
        INFO(in_words(found.problems, found.notes));
        CHECK_FALSE(found.problems.empty());
        if (!(kind == "snapshots/" && what == "gone")) check_restores(machine, named(found.problems));
      }
      auto const repaired = machine.repair_ok();
      INFO(in_words(repaired.problems, repaired.notes));
      if (kind == "index/") {
        CHECK(repaired.problems.empty());
        CHECK(repaired.packs_indexed == 1);
        CHECK_FALSE(repaired.snapshot);
      }
      if (kind == "packs/") CHECK(repaired.packs_removed == 1);
      if (kind != "snapshots/") check_healed(machine, repaired);
      if (kind == "snapshots/" && key == objects.back()) {
        REQUIRE(repaired.snapshot);
        CHECK(machine.restored(parse_snapshot_id(*repaired.snapshot).value()).first == machine.snapshots.back().second);
      }
      machine.go_back();
    }
  }
  CHECK(machine.verify_ok({.snapshot = {}, .read_data = true}).problems.empty());
}

}  // namespace

TEST_CASE("packs damaged in turn", "[repair]") { sweep("packs/", {0, 2, 5, 8}); }
TEST_CASE("index objects damaged in turn", "[repair]") { sweep("index/", {3, 8}); }
TEST_CASE("snapshot objects damaged in turn", "[repair]") { sweep("snapshots/", {3, 8}); }

TEST_CASE("a repair of a whole repository changes nothing", "[repair]") {
  PackedMachine machine;
  machine.take_three();
  auto const before = machine.keys();
  auto const report = machine.repair_ok();
  INFO(in_words(report.problems, report.notes));
  CHECK(report.problems.empty());
  CHECK(report.healed.empty());
  CHECK(report.packs_indexed + report.packs_removed + report.index_objects_removed == 0);
  CHECK_FALSE(report.snapshot);
  CHECK(machine.keys() == before);
}

TEST_CASE("without any index object the packs give it back", "[repair]") {
  PackedMachine machine;
  machine.take_three();
  for (std::string const& key : machine.objects("index/")) machine.erase(key);
  RepairOptions options;
  options.index_only = true;
  auto const report = machine.repair_ok(options);
  INFO(in_words(report.problems, report.notes));
  CHECK(report.packs_indexed == 3);
  CHECK(report.problems.empty());
  CHECK_FALSE(report.healed.empty());
  CHECK(machine.verify_ok({.snapshot = {}, .read_data = true}).problems.empty());
  for (auto const& [id, files] : machine.snapshots) CHECK(machine.restored(id).first == files);
}

TEST_CASE("what is lost for good is named, and what is whole in a damaged pack is kept", "[repair]") {
  PackedMachine machine;
  machine.take_three();
  // Nothing of the first snapshot's own content is on this machine any more but what later ones hold, too.
  auto const packs = machine.objects("packs/");
  for (std::string const& key : packs) machine.flip(key, 60);  // one box of each
  auto const found = machine.verify_ok({.snapshot = {}, .read_data = true});
  REQUIRE(found.problems.size() >= 3);
  auto const report = machine.repair_ok();
  INFO(in_words(report.problems, report.notes));
  CHECK(report.packs_removed == 3);
  CHECK(report.chunks_saved > 0);
  check_healed(machine, report);
  for (std::string const& key : packs) CHECK(std::find(report.notes.begin(), report.notes.end(), key) == report.notes.end());
  for (std::string const& key : machine.objects("packs/")) CHECK(std::find(packs.begin(), packs.end(), key) == packs.end());
}

TEST_CASE("without a repository there is nothing to repair", "[repair]") {
  PackedMachine machine;
  auto context = machine.open();
  auto const report = repair(context, {});
  REQUIRE_FALSE(report);
  CHECK(report.error().condition == Condition::not_found);
}
