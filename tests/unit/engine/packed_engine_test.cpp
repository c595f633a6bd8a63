// The jobs of the engine on the packed layout: pushed, listed, restored, pruned and copied like the plugin's.
#include <random>

#include "core/engine/choose_layout.h"
#include "core/engine/copy_snapshot.h"
#include "core/engine/durable_capture.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/packed_prune.h"
#include "core/engine/packed_repository.h"
#include "core/engine/queue_upload.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

struct PackedMachine : Machine {
  PackedMachine() { config.layout = LayoutChoice::packed; }
  SnapshotId snapshot() { return *push_ok().snapshot; }
};

std::vector<ListedSnapshot> listed(Machine& machine) {
  auto context = machine.open();
  return list_bucket(context, false).value().snapshots;
}

}  // namespace

TEST_CASE("packed: each snapshot restores what was there, and a change costs little") {
  PackedMachine machine;
  std::string large;
  for (int i = 0; i < 40'000; ++i) large += std::to_string(i * 7919) + "\n";
  machine.write("workspace/large.txt", large);
  machine.write("workspace/empty.md", "");
  auto const first = machine.push_ok();
  machine.write("workspace/large.txt", large + "one line more\n");
  machine.remove("workspace/MEMORY.md");
  auto const second = machine.push_ok();
  CHECK(second.changed == 1);
  CHECK(second.deleted == 1);
  CHECK(second.bytes_uploaded * 3 < first.bytes_uploaded);
  auto const before = machine.contents(*first.snapshot);
  CHECK(before.at("workspace/large.txt") == large);
  CHECK(before.at("workspace/MEMORY.md") == "# memory\n");
  CHECK(before.at("workspace/empty.md").empty());
  auto const after = machine.contents(*second.snapshot);
  CHECK(after.at("workspace/large.txt") == large + "one line more\n");
  CHECK_FALSE(after.contains("workspace/MEMORY.md"));
  CHECK(machine.keys("openclaw-backup/").empty());
  CHECK(machine.hidden_versions() == 0);
}

TEST_CASE("packed: a push without a change asks the store one thing") {
  PackedMachine machine;
  machine.snapshot();
  auto const report = machine.push_ok();
  CHECK(report.unchanged);
  CHECK(report.requests == 1);
}

TEST_CASE("packed: the record of chunks may be lost, and a new machine needs only the passphrase") {
  PackedMachine machine;
  auto const id = machine.snapshot();
  std::filesystem::remove_all(machine.config.data_dir);
  CHECK(machine.contents(id).at("workspace/MEMORY.md") == "# memory\n");
  machine.write("workspace/MEMORY.md", "changed\n");
  auto const report = machine.push_ok();
  CHECK(report.added == 3);   // the record of the last snapshot is lost, too
  CHECK(machine.contents(*report.snapshot).at("workspace/MEMORY.md") == "changed\n");
  CHECK(listed(machine).size() == 2);
}

TEST_CASE("packed: with another passphrase snapshots are listed with what is wrong, and nothing is pushed") {
  PackedMachine machine;
  machine.snapshot();
  std::filesystem::remove_all(machine.config.data_dir);
  machine.config.encryption_key = Secret("another one");
  auto const found = listed(machine);
  REQUIRE(found.size() == 1);
  CHECK(found[0].problem.find("opens") != std::string::npos);
  auto context = machine.open();
  auto const pushed = push(context, {});
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().condition == Condition::wrong_key);
}

TEST_CASE("packed: a restore in place and its safety snapshot, which becomes a packed one") {
  PackedMachine machine;
  auto const id = machine.snapshot();
  machine.write("workspace/MEMORY.md", "a bad edit\n");
  std::string safety;
  {
    auto context = machine.open();
    RestoreOptions options;
    options.snapshot = id.text;
    options.confirmed = true;
    auto const restored = restore(context, options);
    INFO((restored ? std::string() : restored.error().text()));
    REQUIRE(restored);
    REQUIRE(restored->safety);
    safety = restored->safety->text;
    CHECK(read_file(machine.path("workspace/MEMORY.md"), 1000).value() == "# memory\n");
  }
  auto context = machine.open();
  upload_pending_safety(context, false).value();
  auto const safety_id = parse_snapshot_id(safety);
  CHECK(find_snapshot(context, *safety_id).value() == SnapshotLayout::packed);
  CHECK(machine.contents(*safety_id).at("workspace/MEMORY.md") == "a bad edit\n");
}

TEST_CASE("packed: captures in the queue go up in order, each with its own moment") {
  PackedMachine machine;
  machine.snapshot();
  std::vector<SnapshotId> ids;
  for (int i = 0; i < 3; ++i) {
    machine.clock.advance(std::chrono::seconds(10));
    machine.write("workspace/MEMORY.md", "version " + std::to_string(i) + "\n");
    auto context = machine.open();
    CaptureOrder order;
    order.trigger = Trigger::compaction;
    ids.push_back(*capture_to_queue(context, order).value().snapshot);
  }
  auto context = machine.open();
  REQUIRE(finish_captures(context));
  for (int i = 0; i < 3; ++i) CHECK(upload_oldest(context).value()->snapshot->text == ids[static_cast<std::size_t>(i)].text);
  for (int i = 0; i < 3; ++i)
    CHECK(machine.contents(ids[static_cast<std::size_t>(i)]).at("workspace/MEMORY.md") == "version " + std::to_string(i) + "\n");
}

TEST_CASE("packed: a push that fails at any request leaves what was there, and the next one succeeds") {
  PackedMachine machine;
  auto last = machine.snapshot();
  std::string content = "# memory\n";
  for (std::uint64_t at = 1;; ++at) {
    std::string const before = content;
    content = "changed for call " + std::to_string(at) + "\n";
    machine.write("workspace/MEMORY.md", content);
    machine.clock.advance(std::chrono::seconds(10));
    FaultPlan plan;
    plan.fail_call = at;
    FaultStore faulty(*machine.memory, plan);
    auto context = machine.open(&faulty);
    PushOptions options;
    options.prune = false;
    auto const pushed = push(context, options);
    CHECK(machine.contents(last).at("workspace/MEMORY.md") == before);
    if (faulty.injected() == 0) {
      REQUIRE(pushed);
      CHECK(machine.contents(*pushed->snapshot).at("workspace/MEMORY.md") == content);
      CHECK(at > 8);
      break;
    }
    auto const again = machine.push_ok();   // unchanged where the snapshot was there and only its answer was lost
    if (again.snapshot) last = *again.snapshot;
    else last = listed(machine).back().info.id;
    CHECK(machine.contents(last).at("workspace/MEMORY.md") == content);
  }
}

TEST_CASE("packed: what pruning lets go is freed after the waiting times, and what stays restores") {
  PackedMachine machine;
  machine.config.keep_snapshots = 1;
  machine.config.keep_snapshots_set = true;
  std::string noise(300'000, '\0');
  std::mt19937 generator(1);
  for (char& byte : noise) byte = static_cast<char>(generator());
  machine.write("workspace/large.bin", noise);
  machine.snapshot();
  machine.remove("workspace/large.bin");
  auto const kept = machine.snapshot();
  CHECK(listed(machine).size() == 1);
  auto const stored = [&] {
    std::uint64_t bytes = 0;
    for (std::string const& key : machine.keys("openclaw-backup.repo/packs/")) bytes += machine.memory->head(key, {}).value().size;
    return bytes;
  };
  CHECK(stored() > noise.size());
  for (int day = 0; day < 6; ++day) {
    machine.clock.advance(std::chrono::hours(26));
    auto context = machine.open();
    REQUIRE(prune(context, {}));
  }
  CHECK(stored() < noise.size() / 10);
  CHECK(machine.contents(kept).at("workspace/MEMORY.md") == "# memory\n");
}

TEST_CASE("packed: a collection that could not be told what is needed is tried again a day later, not with every push") {
  PackedMachine machine;
  machine.config.keep_snapshots = 1;
  machine.config.keep_snapshots_set = true;
  machine.snapshot();
  for (std::string const& key : machine.keys("openclaw-backup.repo/packs/")) REQUIRE(remove_all(*machine.memory, key, {}));
  machine.clock.advance(std::chrono::hours(26));
  auto const warnings = [&] {
    auto context = machine.open();
    auto const report = prune(context, {});
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    return report->warnings.size();
  };
  CHECK(warnings() == 1);
  CHECK(warnings() == 0);
  machine.clock.advance(std::chrono::hours(25));
  CHECK(warnings() == 1);
}

TEST_CASE("a snapshot is copied into the other layout and back, with all that it says") {
  Machine machine;
  auto const id = *machine.push_ok(Trigger::schedule).snapshot;
  auto context = machine.open();
  auto const copied = copy_snapshot(context, id, SnapshotLayout::plugin, context, SnapshotLayout::packed).value();
  CHECK_FALSE(copied.was_there);
  CHECK(copied.info.trigger == Trigger::schedule);
  CHECK(copied.info.files == 3);
  CHECK(copy_snapshot(context, id, SnapshotLayout::plugin, context, SnapshotLayout::packed).value().was_there);
  CHECK(listed(machine).size() == 2);
  REQUIRE(remove_all(*machine.memory, snapshot_object_key(context, id, SnapshotLayout::plugin), {}));
  CHECK(find_snapshot(context, id).value() == SnapshotLayout::packed);
  CHECK(machine.contents(id).at("agents/main/sessions/a.jsonl") == "{\"n\":1}\n");
  copy_snapshot(context, id, SnapshotLayout::packed, context, SnapshotLayout::plugin).value();
  REQUIRE(remove_packed_snapshot(context, id));
  CHECK(find_snapshot(context, id).value() == SnapshotLayout::plugin);
  CHECK(machine.contents(id).at("agents/main/sessions/a.jsonl") == "{\"n\":1}\n");
}

TEST_CASE("where no layout is set, an empty bucket gets the packed one and a bucket in use stays as it is") {
  SECTION("empty") {
    Machine machine;
    machine.config.layout = LayoutChoice::automatic;
    auto const id = *machine.push_ok().snapshot;
    auto context = machine.open();
    CHECK(find_snapshot(context, id).value() == SnapshotLayout::packed);
  }
  SECTION("in use") {
    Machine machine;
    machine.push_ok();
    machine.config.layout = LayoutChoice::automatic;
    machine.write("workspace/MEMORY.md", "changed\n");
    auto const id = *machine.push_ok().snapshot;
    auto context = machine.open();
    CHECK(find_snapshot(context, id).value() == SnapshotLayout::plugin);
  }
  SECTION("in use, and then switched") {
    Machine machine;
    auto const old = *machine.push_ok().snapshot;
    machine.config.layout = LayoutChoice::automatic;
    {
      auto context = machine.open();
      REQUIRE(push_layout(context).value() == SnapshotLayout::plugin);
      REQUIRE(keep_layout(context, SnapshotLayout::packed));
    }
    auto const report = machine.push_ok();
    REQUIRE(report.snapshot);
    auto context = machine.open();
    CHECK(find_snapshot(context, *report.snapshot).value() == SnapshotLayout::packed);
    CHECK(machine.contents(old) == machine.contents(*report.snapshot));
    CHECK(machine.push_ok().unchanged);
  }
  SECTION("without encryption") {
    Machine machine;
    machine.config.layout = LayoutChoice::automatic;
    machine.config.encrypt = false;
    auto const id = *machine.push_ok().snapshot;
    auto context = machine.open();
    CHECK(find_snapshot(context, id).value() == SnapshotLayout::plugin);
  }
}

TEST_CASE("a base of the version before, without a layout in its record, is still one") {
  Machine machine;
  machine.push_ok();
  machine.config.layout = LayoutChoice::automatic;
  CHECK(machine.push_ok().unchanged);
}

TEST_CASE("a key for the plugin's layout alone pushes as before, without a layout set") {
  Machine machine;
  machine.push_ok();
  machine.config.layout = LayoutChoice::automatic;
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view, std::string const& subject) -> Result<void> {
    if (!subject.starts_with("openclaw-backup.repo/")) return {};
    return make_error(Condition::permission, "not allowed");
  };
  FaultStore restricted(*machine.memory, plan);
  machine.write("workspace/MEMORY.md", "changed\n");
  machine.clock.advance(std::chrono::seconds(10));
  auto context = machine.open(&restricted);
  auto const first = push(context, {});
  INFO((first ? std::string() : first.error().text()));
  REQUIRE(first);
  CHECK(first->changed == 1);
  CHECK(first->warnings.empty());
  CHECK(push(context, {}).value().unchanged);
  CHECK(find_snapshot(context, *first->snapshot).value() == SnapshotLayout::plugin);
  CHECK(list_bucket(context, true).value().snapshots.size() == 2);
}

TEST_CASE("a copy into the packed layout decides nothing for later pushes where no layout is set") {
  Machine machine;
  auto const id = *machine.push_ok().snapshot;
  machine.config.layout = LayoutChoice::automatic;
  auto context = machine.open();
  copy_snapshot(context, id, SnapshotLayout::plugin, context, SnapshotLayout::packed).value();
  CHECK(push_layout(context).value() == SnapshotLayout::plugin);
}

TEST_CASE("packed: nothing of a layout is pruned on the strength of a newest snapshot that is gone, whatever the other layout has") {
  Machine machine;
  machine.config.keep_snapshots = 1;
  machine.config.keep_snapshots_set = true;
  auto const push_without_pruning = [&](std::string const& text) {
    machine.clock.advance(std::chrono::seconds(10));
    machine.write("workspace/MEMORY.md", text);
    auto context = machine.open();
    PushOptions options;
    options.prune = false;
    return *push(context, options).value().snapshot;
  };
  auto const older = push_without_pruning("one\n");
  auto const newest = push_without_pruning("two\n");
  machine.config.layout = LayoutChoice::packed;
  push_without_pruning("three\n");
  auto context = machine.open();
  list_bucket(context, false).value();   // remembered
  REQUIRE(remove_all(*machine.memory, snapshot_object_key(context, newest, SnapshotLayout::plugin), {}));
  auto const report = prune(context, {}).value();
  CHECK(snapshot_exists(context, older, SnapshotLayout::plugin).value());
}
