#include "core/engine/verify_packed.h"

#include "tests/unit/engine/packed_damage.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("a packed repository that is whole has no problems, by structure and by content", "[verify_packed]") {
  PackedMachine machine;
  machine.take_three();
  auto const structure = machine.verify_ok();
  INFO(in_words(structure.problems, structure.notes));
  CHECK(structure.snapshots == 3);
  CHECK(structure.problems.empty());
  CHECK(structure.notes.empty());
  CHECK(structure.bytes_read == 0);
  auto const content = machine.verify_ok({.snapshot = {}, .read_data = true});
  INFO(in_words(content.problems, content.notes));
  CHECK(content.problems.empty());
  std::uint64_t bytes = 0;
  for (std::string const& key : machine.objects("packs/")) bytes += machine.get(key).size();
  CHECK(content.bytes_read == bytes);
}

TEST_CASE("a share of the packs is read: one of three at least, not all", "[verify_packed]") {
  PackedMachine machine;
  machine.take_three();
  auto const packs = machine.objects("packs/");
  REQUIRE(packs.size() == 3);
  std::uint64_t bytes = 0;
  for (std::string const& key : packs) bytes += machine.get(key).size();
  VerifyOptions options;
  options.read_data = true;
  options.read_percent = 5;
  auto const report = machine.verify_ok(options);
  CHECK(report.bytes_read > 0);
  CHECK(report.bytes_read < bytes);
}

TEST_CASE("a damaged chunk is named with every snapshot and file that loses it, and no other", "[verify_packed]") {
  PackedMachine machine;
  machine.take_three();
  // The first pack holds what the first snapshot brought: notes.md of the first one, and openclaw.json of all.
  auto const before = machine.verify_ok({.snapshot = {}, .read_data = true});
  REQUIRE(before.problems.empty());
  for (std::string const& key : machine.objects("packs/")) {
    machine.remember();
    machine.erase(key);
    auto const report = machine.verify_ok();
    INFO(in_words(report.problems, report.notes));
    auto const told = named(report.problems);
    CHECK(told.contains({"", key}));
    for (auto const& [id, files] : machine.snapshots) {
      auto const [restored, failed] = machine.restored(id);
      for (std::string const& path : failed) CHECK(told.contains({id.text, path}));
      for (auto const& [path, content] : restored) CHECK_FALSE(told.contains({id.text, path}));
    }
    machine.go_back();
  }
}

TEST_CASE("one snapshot alone is verified: what only others lose is not named", "[verify_packed]") {
  PackedMachine machine;
  machine.take_three();
  machine.erase(machine.objects("snapshots/").front());
  CHECK(machine.verify_ok({.snapshot = machine.snapshots[2].first.text}).problems.empty());
}

TEST_CASE("a newest snapshot that is gone is a problem, an older one is told once", "[verify_packed]") {
  PackedMachine machine;
  machine.take_three();
  auto const keys = machine.objects("snapshots/");
  SECTION("the newest") {
    machine.erase(keys.back());
    CHECK(named(machine.verify_ok().problems).contains({machine.snapshots[2].first.text, ""}));
  }
  SECTION("an older one") {
    machine.erase(keys.front());
    auto const report = machine.verify_ok();
    CHECK(named(report.problems).contains({machine.snapshots[0].first.text, ""}));
    CHECK(report.problems.front().remedy == Remedy::look_back);
    auto const again = machine.verify_ok();
    CHECK(again.problems.empty());
    CHECK(again.notes.empty());
  }
}

TEST_CASE("a key slot that opens nothing is found when data is read", "[verify_packed]") {
  PackedMachine machine;
  machine.take_three();
  auto const slots = machine.objects("keys/");
  REQUIRE(slots.size() == 1);
  SECTION("damaged inside") {
    machine.flip(slots[0], machine.get(slots[0]).find("\"wrapped\"") + 20);
    CHECK(named(machine.verify_ok({.snapshot = {}, .read_data = true}).problems).contains({"", packed::slots_prefix("openclaw-backup")}));
  }
  SECTION("gone") {
    machine.erase(slots[0]);
    CHECK(named(machine.verify_ok().problems).contains({"", packed::slots_prefix("openclaw-backup")}));
  }
}
