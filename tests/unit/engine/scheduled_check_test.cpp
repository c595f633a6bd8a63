#include "core/engine/scheduled_check.h"

#include "core/engine/presence.h"
#include "core/engine/snapshot_use.h"
#include "tests/unit/engine/packed_damage.h"

using namespace b2b;
using namespace b2b::test;

namespace {

CheckReport checked(Machine& machine, CheckKind kind, unsigned percent = 100) {
  auto context = machine.open();
  auto report = check_stored(context, kind, percent);
  INFO((report ? std::string() : report.error().text()));
  REQUIRE(report);
  CHECK_FALSE(path_exists(context.instance.data_dir + "/check"));
  return *report;
}

}  // namespace

TEST_CASE("a check of what is whole reads packs and restores files, and finds nothing", "[check]") {
  PackedMachine machine;
  machine.take_three();
  auto const content = checked(machine, CheckKind::content);
  INFO(in_words(content.problems, content.notes));
  CHECK(content.problems.empty());
  CHECK(content.snapshots == 3);
  REQUIRE(content.snapshot);
  CHECK(content.snapshot->text == machine.snapshots.back().first.text);
  CHECK(content.files_restored == machine.snapshots.back().second.size());
  std::uint64_t packs = 0;
  for (std::string const& key : machine.objects("packs/")) packs += machine.get(key).size();
  CHECK(content.bytes_read > packs);
  auto const presence = checked(machine, CheckKind::presence);
  INFO(in_words(presence.problems, presence.notes));
  CHECK(presence.problems.empty());
  CHECK(presence.snapshots == 3);
  CHECK(presence.bytes_read == 0);
}

TEST_CASE("a check names a damaged pack and the files that lose something; the look for presence does not see it", "[check]") {
  PackedMachine machine;
  machine.take_three();
  for (std::string const& key : machine.objects("packs/")) machine.flip(key, 100);
  auto const content = checked(machine, CheckKind::content);
  auto const told = named(content.problems);
  for (std::string const& key : machine.objects("packs/")) CHECK(told.contains({"", key}));
  CHECK(told.size() == content.problems.size());  // nothing twice, though the sample meets it, too
  CHECK(checked(machine, CheckKind::presence).problems.empty());
}

TEST_CASE("the sample alone finds what the chosen packs do not show", "[check]") {
  PackedMachine machine;
  machine.take_three();
  for (std::string const& key : machine.objects("packs/")) machine.flip(key, 100);
  auto context = machine.open();
  auto const scratch = TemporaryDirectory::create("/tmp", "b2b-sample-").value();
  auto const sample = restore_sample(context, SampleLimits{}, scratch.path());
  // Which chunks lie at those places is chance: the sample names what a restore would name, and the rest came back.
  auto const [files, failed] = machine.restored(machine.snapshots.back().first);
  REQUIRE(sample);
  std::set<std::string> told;
  for (VerifyProblem const& problem : sample->problems) told.insert(problem.path);
  CHECK(told == failed);
  CHECK(sample->files == files.size());
}

TEST_CASE("a sample is of files within its bounds, another one each time", "[check]") {
  PackedMachine machine;
  for (int i = 0; i < 60; ++i) machine.write("workspace/" + std::to_string(i) + ".md", std::string(static_cast<std::size_t>(i) * 10, 'x'));
  machine.write("workspace/large.md", std::string(5000, 'y'));
  machine.take();
  auto context = machine.open();
  std::set<std::uint64_t> sums;
  for (int i = 0; i < 8; ++i) {
    auto const scratch = TemporaryDirectory::create("/tmp", "b2b-sample-").value();
    auto const sample = restore_sample(context, {.files = 6, .bytes = 1500}, scratch.path());
    REQUIRE(sample);
    CHECK(sample->problems.empty());
    CHECK(sample->files > 0);
    CHECK(sample->files <= 6);
    CHECK(sample->bytes <= 1500);
    sums.insert(sample->bytes);
  }
  CHECK(sums.size() > 1);
}

TEST_CASE("a pack or a snapshot that is gone is found by the daily look, each time until a person verifies", "[check]") {
  PackedMachine machine;
  machine.take_three();
  SECTION("a pack") {
    std::string const key = machine.objects("packs/").front();
    machine.erase(key);
    CHECK(named(checked(machine, CheckKind::presence).problems).contains({"", key}));
    CHECK(named(checked(machine, CheckKind::presence).problems).contains({"", key}));
  }
  SECTION("an old snapshot") {
    machine.erase(machine.objects("snapshots/").front());
    std::string const id = machine.snapshots[0].first.text;
    CHECK(named(checked(machine, CheckKind::presence).problems).contains({id, ""}));
    CHECK(named(checked(machine, CheckKind::content, 5).problems).contains({id, ""}));
    // Repair cannot bring it back, and does not clear it away.
    auto context = machine.open();
    auto const repaired = repair(context, {});
    REQUIRE(repaired);
    CHECK(named(repaired->problems).contains({id, ""}));
    // A person hears of it once, with the way out, before it is forgotten.
    auto const told = machine.verify_ok();
    CHECK(named(told.problems).contains({id, ""}));
    CHECK(in_words({}, told.notes).find("The key was stolen") != std::string::npos);
    CHECK(machine.verify_ok().problems.empty());
    CHECK(checked(machine, CheckKind::presence).problems.empty());
  }
  SECTION("the newest snapshot") {
    machine.erase(machine.objects("snapshots/").back());
    CHECK(named(checked(machine, CheckKind::presence).problems).contains({machine.snapshots[2].first.text, ""}));
  }
  SECTION("the whole repository") {
    for (std::string const& key : machine.keys()) machine.erase(key);
    CHECK_FALSE(checked(machine, CheckKind::presence).problems.empty());
  }
}

TEST_CASE("what this machine pruned is not missed", "[check]") {
  PackedMachine machine;
  machine.config.keep_snapshots = 1;
  machine.config.keep_snapshots_set = true;
  machine.take_three();
  auto context = machine.open();
  REQUIRE(prune(context, {}));
  REQUIRE(machine.objects("snapshots/").size() == 1);
  CHECK(checked(machine, CheckKind::presence).problems.empty());
}

TEST_CASE("a pack that is gone, all of which other packs hold, is no damage", "[check]") {
  PackedMachine machine;
  machine.write("workspace/log.jsonl", numbered_lines(4000));
  machine.take();
  std::map<std::string, std::string> first;
  for (std::string const& key : machine.objects("index/")) first[key] = machine.get(key);
  auto const old_packs = machine.objects("packs/");
  // Pushed once more by a machine that does not know what is there.
  for (auto const& [key, bytes] : first) machine.erase(key);
  for (std::string const& key : machine.objects("snapshots/")) machine.erase(key);
  std::filesystem::remove_all(machine.config.data_dir);
  machine.take();
  for (auto const& [key, bytes] : first) machine.put(key, bytes);
  for (std::string const& key : old_packs) machine.erase(key);
  auto const report = machine.verify_ok();
  INFO(in_words(report.problems, report.notes));
  CHECK(report.problems.empty());
  CHECK(in_words({}, report.notes).find("other packs hold all") != std::string::npos);
  CHECK(checked(machine, CheckKind::presence).problems.empty());
}

TEST_CASE("in the plugin's layout a sample of bodies is read and some files are restored", "[check]") {
  Machine machine;
  for (int i = 0; i < 50; ++i) machine.write("workspace/" + std::to_string(i) + ".md", "number " + std::to_string(i) + "\n");
  machine.push_ok();
  auto const all = checked(machine, CheckKind::content);
  CHECK(all.problems.empty());
  CHECK(all.files_restored == 32);
  auto const some = checked(machine, CheckKind::content, 10);
  CHECK(some.bytes_read < all.bytes_read);
  CHECK(checked(machine, CheckKind::presence).problems.empty());
  for (std::string const& key : machine.keys()) {
    if (!key.ends_with(".md")) continue;
    auto bytes = get_text(*machine.memory, key, 1 << 20, {}).value();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    REQUIRE(machine.memory->put(key, MemorySource(std::move(bytes)), {}));
  }
  CHECK_FALSE(checked(machine, CheckKind::content, 50).problems.empty());
}

TEST_CASE("about so many bytes are read and no more, one pack at least", "[check]") {
  PackedMachine machine;
  machine.take_three();
  VerifyOptions options;
  options.read_data = true;
  options.read_bytes_max = 1;
  auto const report = machine.verify_ok(options);
  std::set<std::uint64_t> sizes;
  for (std::string const& key : machine.objects("packs/")) sizes.insert(machine.get(key).size());
  CHECK(sizes.contains(report.bytes_read));
}

TEST_CASE("what a killed check left is removed", "[check]") {
  PackedMachine machine;
  machine.take();
  auto context = machine.open();
  std::string const left = context.instance.data_dir + "/check/sample-abc";
  std::filesystem::create_directories(left);
  std::ofstream(left + "/restored-1") << "content";
  REQUIRE(remove_abandoned_checks(context.instance.data_dir));
  CHECK_FALSE(path_exists(context.instance.data_dir + "/check"));
  REQUIRE(remove_abandoned_checks(context.instance.data_dir));
}

namespace {

// Two snapshots in the plugin's layout that this machine knows.
struct PluginMachine : Machine {
  PluginMachine() {
    older = push_ok().snapshot->text;
    write("workspace/MEMORY.md", "# another memory\n");
    newer = push_ok().snapshot->text;
    CHECK(checked(*this, CheckKind::content).problems.empty());
  }
  void erase(std::string const& id, bool bodies_too) {
    for (std::string const& key : keys("openclaw-backup/" + id + "/"))
      if (bodies_too || key.ends_with("/manifest.json")) REQUIRE(remove_all(*memory, key, {}));
  }
  std::string older, newer;
};

}  // namespace

TEST_CASE("in the plugin's layout a manifest that vanished is told each time, until a person verifies", "[check]") {
  PluginMachine machine;
  bool const bodies_too = GENERATE(false, true);
  bool const the_newer = GENERATE(false, true);
  CAPTURE(bodies_too, the_newer);
  std::string const gone = the_newer ? machine.newer : machine.older;
  machine.erase(gone, bodies_too);
  for (int i = 0; i < 2; ++i) {
    auto const report = checked(machine, CheckKind::content);
    INFO(in_words(report.problems, report.notes));
    CHECK(named(report.problems).contains({gone, ""}));
    CHECK(report.problems.front().remedy == Remedy::look_back);
    CHECK_FALSE(report.way_back.empty());
    CHECK_FALSE(report.listed.contains(gone));
  }
  auto context = machine.open();
  CHECK(named(verify(context, {}).value().problems).contains({gone, ""}));
  CHECK_FALSE(named(verify(context, {}).value().problems).contains({gone, ""}));
  CHECK_FALSE(named(checked(machine, CheckKind::content).problems).contains({gone, ""}));
}

TEST_CASE("in the plugin's layout what a prune of this machine removed is not missed", "[check]") {
  PluginMachine machine;
  machine.config.keep_snapshots = 1;
  machine.config.keep_snapshots_set = true;
  auto context = machine.open();
  REQUIRE(prune(context, {}).value().removed.size() == 1);
  CHECK(checked(machine, CheckKind::content).problems.empty());
}

TEST_CASE("a key that may not read is an error of a check, and a wrong one is no damage", "[check]") {
  bool const packed = GENERATE(false, true);
  // A pack that one key opens, all of them do: the index is of the same key.
  Condition const condition = packed ? Condition::permission : GENERATE(Condition::permission, Condition::wrong_key);
  CAPTURE(packed, condition == Condition::permission);
  std::shared_ptr<Machine> machine;   // which knows what to destroy, as Machine has no virtual destructor
  if (packed) {
    auto three = std::make_shared<PackedMachine>();
    three->take_three();
    machine = std::move(three);
  } else {
    machine = std::make_shared<PluginMachine>();
  }
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& key) -> Result<void> {
    bool const content = packed ? key.find("/packs/") != std::string::npos : key.ends_with("MEMORY.md");
    if (verb == "get" && content) return make_error(condition, "not for you");
    return {};
  };
  FaultStore store(*machine->memory, std::move(plan));
  auto context = machine->open(&store);
  auto const report = check_stored(context, CheckKind::content, 100);
  if (condition == Condition::permission) {
    REQUIRE_FALSE(report);
    CHECK(report.error().condition == Condition::permission);
  } else {
    REQUIRE(report);
    REQUIRE_FALSE(report->problems.empty());
    for (VerifyProblem const& problem : report->problems) {
      CHECK(problem.problem.find("cannot be opened with the configured keys") != std::string::npos);
      CHECK(problem.remedy == Remedy::keys);
    }
  }
}

TEST_CASE("a check that lists while a prune removes a snapshot does not miss it later", "[check]") {
  PackedMachine machine;
  machine.take_three();
  auto context = machine.open();
  SnapshotId const id = machine.snapshots[0].first;
  {
    auto const removal = SnapshotUse::begin_removal(context.instance.data_dir, id).value();
    REQUIRE(removal);
    REQUIRE(context.index->forget_snapshot(target_name(context), id.text));
    REQUIRE(list_bucket(context, true));
    machine.erase(machine.objects("snapshots/").front());
  }
  CHECK(checked(machine, CheckKind::presence).problems.empty());
}
