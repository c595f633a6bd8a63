// Collections: what goes, what stays, and that nobody who pushes meanwhile loses anything.
#include "core/packed/collect.h"

#include "core/packed/marks.h"
#include "core/packed/survey.h"
#include "core/store/fault_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using std::chrono::hours;

struct Bench {
  ManualClock store_clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  std::shared_ptr<Store> store = make_memory_store(store_clock, true);
  OpenedRepository keys = open_keys(*store, store_clock).value();
  Machine machine{store, keys};

  Files files(char seed, std::size_t bytes = 300'000) {
    std::string text;
    std::uint32_t state = static_cast<std::uint32_t>(seed) * 2654435761U + 1;
    while (text.size() < bytes) {
      state = state * 1664525U + 1013904223U;
      text.push_back(static_cast<char>(state >> 24));
    }
    return {{"openclaw.json", std::string("{} ") + seed}, {std::string("file-") + seed, text}};
  }
  CollectReport collected(Machine& by) {
    by.open();
    auto report = collect(by.repository, by.scratch.path(), {});
    if (!report) FAIL(report.error().text());
    return *report;
  }
  // A snapshot of b, and what was only a's is marked.
  void mark_a() {
    auto const a = machine.push(files('a'));
    machine.push(files('b'));
    remove_snapshot(a.id);
    store_clock.advance(hours(50));
    CHECK(collected(machine).packs_marked == 1);
  }
  void remove_snapshot(SnapshotId const& id) { REQUIRE(remove_all(*store, snapshot_key("p", id.text), {})); }
  std::size_t count(std::string const& prefix) { return keys_of(*store, prefix).size(); }
};

}  // namespace

TEST_CASE("collect: what no snapshot needs goes a day after it was marked, the rest stays", "[collect]") {
  Bench bench;
  auto const a = bench.machine.push(bench.files('a'));
  auto const b = bench.machine.push(bench.files('b'));
  CHECK(bench.count(packs_prefix("p")) == 2);
  bench.remove_snapshot(a.id);
  CHECK(bench.collected(bench.machine).packs_marked == 0);  // young: somebody may be pushing
  bench.store_clock.advance(hours(50));
  auto report = bench.collected(bench.machine);
  CHECK(report.packs_marked == 1);
  CHECK(report.bytes_marked > 300'000);
  CHECK(report.packs_removed == 0);
  CHECK(bench.collected(bench.machine).packs_marked == 0);  // it is marked already
  bench.store_clock.advance(hours(26));
  report = bench.collected(bench.machine);
  CHECK(report.packs_removed == 1);
  CHECK(report.packs_spared == 0);
  CHECK(bench.count(packs_prefix("p")) == 1);
  CHECK(bench.count(marks_prefix("p")) == 0);
  CHECK(bench.count(indexes_prefix("p")) == 2);  // of b, and an empty one in place of a's
  Machine other(bench.store, bench.keys);
  CHECK(restore(other, b.id) == bench.files('b'));
  CHECK(restore(bench.machine, b.id) == bench.files('b'));
}

TEST_CASE("collect: a marked pack is not relied on, and what comes back is stored again or spared", "[collect]") {
  Bench bench;
  bench.mark_a();
  SECTION("by somebody who saw the mark") {
    Machine other(bench.store, bench.keys);
    auto const again = other.push(bench.files('a'));
    CHECK(again.chunks >= 3);  // all of it, once more
    bench.store_clock.advance(hours(26));
    auto const report = bench.collected(bench.machine);
    CHECK(report.packs_removed == 1);
    CHECK(restore(other, again.id) == bench.files('a'));
  }
  SECTION("by somebody whose push began before it") {
    // A snapshot of the former state appears, as from a machine that had looked before the mark was there.
    auto const marks = keys_of(*bench.store, marks_prefix("p"));
    REQUIRE(marks.size() == 1);
    std::string const mark = get_text(*bench.store, marks[0], 1 << 20, {}).value();
    REQUIRE(remove_all(*bench.store, marks[0], {}));
    Machine other(bench.store, bench.keys);
    auto const again = other.push(bench.files('a'));
    CHECK(again.chunks <= 1);  // the list
    REQUIRE(bench.store->put(marks[0], MemorySource(mark), {}));
    bench.store_clock.advance(hours(26));
    auto const report = bench.collected(bench.machine);
    CHECK(report.packs_removed == 0);
    CHECK(report.packs_spared == 1);
    CHECK(restore(other, again.id) == bench.files('a'));
    CHECK(bench.machine.push(bench.files('a')).chunks == 0);
  }
}

TEST_CASE("collect: packs that nobody finished go too, but not while somebody may", "[collect]") {
  Bench bench;
  auto const a = bench.machine.push(bench.files('a'));
  {
    auto const writer = ChunkWriter::create(bench.machine.repository, bench.machine.scratch.path() + "/packs", {}).value();
    std::string const text = bench.files('c').at("file-c");
    REQUIRE(store_content(*bench.machine.repository, *writer, MemorySource(text), sha256(text), text.size()));
    REQUIRE(writer->flush());
  }
  Machine other(bench.store, bench.keys);
  bench.store_clock.advance(hours(10));
  CHECK(bench.collected(other).packs_marked == 0);
  bench.store_clock.advance(hours(40));
  CHECK(bench.collected(other).packs_marked == 1);
  bench.store_clock.advance(hours(26));
  CHECK(bench.collected(other).packs_removed == 1);
  // Whoever had stored it finds that out, and stores it again.
  bench.machine.open();
  auto const c = bench.machine.push(bench.files('c'));
  CHECK(c.chunks >= 3);
  CHECK(restore(other, a.id) == bench.files('a'));
  other.open();
  CHECK(restore(other, c.id) == bench.files('c'));
}

TEST_CASE("collect: nothing goes while it cannot be told what is needed", "[collect]") {
  Bench bench;
  auto const a = bench.machine.push(bench.files('a'));
  auto const b = bench.machine.push(bench.files('b'));
  bench.remove_snapshot(a.id);
  bench.store_clock.advance(hours(50));
  auto const refused = [&] {
    bench.machine.open();
    auto const report = collect(bench.machine.repository, bench.machine.scratch.path(), {});
    return !report && report.error().condition == Condition::refused;
  };
  auto const damage = [&](std::string const& key) { REQUIRE(bench.store->put(key, MemorySource("rubbish"), {})); };
  SECTION("a snapshot is damaged") {
    damage(snapshot_key("p", b.id.text));
    CHECK(refused());
  }
  SECTION("an index object is damaged") {
    damage(keys_of(*bench.store, indexes_prefix("p")).front());
    Machine other(bench.store, bench.keys);
    auto const report = collect(other.repository, other.scratch.path(), {});
    REQUIRE_FALSE(report);
    CHECK(report.error().condition == Condition::refused);
  }
  SECTION("a pack that is needed is gone") {
    for (std::string const& key : keys_of(*bench.store, packs_prefix("p"))) REQUIRE(remove_all(*bench.store, key, {}));
    CHECK(refused());
  }
  SECTION("a mark is damaged") {
    REQUIRE(collect(bench.machine.repository, bench.machine.scratch.path(), {}));
    damage(keys_of(*bench.store, marks_prefix("p")).front());
    bench.machine.open();
    CHECK_FALSE(bench.machine.synced);
    CHECK(refused());
    Machine other(bench.store, bench.keys);
    CHECK_FALSE(collect(other.repository, other.scratch.path(), {}));
  }
  CHECK(bench.count(packs_prefix("p")) <= 2);
}

TEST_CASE("marks: come back as they were, and only whole", "[collect]") {
  std::vector<PackId> const packs{sha256("a"), sha256("b")};
  OwnerId const owner{1, 2, 3};
  std::string const text = format_mark(owner, packs);
  CHECK(parse_mark(text).value().packs == packs);
  CHECK(parse_mark(text).value().owner == owner);
  CHECK(parse_mark(format_mark(owner, {})).value().packs.empty());
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) CHECK_FALSE(parse_mark(text.substr(0, bytes)));
  CHECK_FALSE(parse_mark(text + "x"));
  CHECK_FALSE(parse_mark(std::string(16, '\0') + "\xff\xff\xff\xff"));
}

TEST_CASE("collect: only who made a mark removes what it names, and anybody a mark that names nothing any more", "[collect]") {
  Bench bench;
  bench.mark_a();
  Machine other(bench.store, bench.keys);
  bench.store_clock.advance(hours(100));
  CHECK(bench.collected(other).packs_removed == 0);
  CHECK(bench.count(marks_prefix("p")) == 1);
  std::string const mark = keys_of(*bench.store, marks_prefix("p")).front();
  std::string const text = get_text(*bench.store, mark, 1 << 20, {}).value();
  CHECK(bench.collected(bench.machine).packs_removed == 1);
  REQUIRE(bench.store->put(mark, MemorySource(text), {}));  // as if the last step had not happened
  bench.collected(other);
  CHECK(bench.count(marks_prefix("p")) == 0);
}

TEST_CASE("collect: a pack that went without an index object telling of it is not relied on", "[collect]") {
  Bench bench;
  bench.machine.push(bench.files('a'));
  std::string const text = bench.files('c').at("file-c");
  {  // a push that was broken off before its index object
    auto const writer = ChunkWriter::create(bench.machine.repository, bench.machine.scratch.path() + "/packs", {}).value();
    REQUIRE(store_content(*bench.machine.repository, *writer, MemorySource(text), sha256(text), text.size()));
    REQUIRE(writer->flush());
  }
  bench.store_clock.advance(hours(50));
  // Another machine collects that pack; between its look at the index and the removal the first one wakes and writes the index object.
  bool armed = false;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (!armed || verb != "list_versions" || !subject.starts_with(packs_prefix("p"))) return {};
    armed = false;
    bench.machine.open();
    bench.machine.push(bench.files('b'));
    return {};
  };
  Machine other(std::make_shared<FaultStore>(*bench.store, plan), bench.keys);
  CHECK(bench.collected(other).packs_marked == 1);
  bench.store_clock.advance(hours(26));
  armed = true;
  CHECK(bench.collected(other).packs_removed == 1);
  REQUIRE_FALSE(armed);
  bench.machine.open();
  auto const c = bench.machine.push(bench.files('c'));
  Machine fresh(bench.store, bench.keys);
  CHECK(restore(fresh, c.id) == bench.files('c'));
}

TEST_CASE("collect: what another job of this machine learns of marks does not pass for what the push knew", "[collect]") {
  Bench bench;
  bench.machine.push(bench.files('a'));
  auto const b = bench.machine.push(bench.files('b'));
  Machine other(bench.store, bench.keys);
  bench.store_clock.advance(hours(50));
  // The push has found that all it needs is there; while it goes on somebody else removes the snapshots and collects, and a job that only
  // reads brings the repository that both share up to date.
  int flushes = 0;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    if (verb != "flush" || ++flushes != 1) return {};
    bench.remove_snapshot(b.id);
    CHECK(bench.collected(bench.machine).packs_marked == 1);
    std::vector<std::string> problems;
    REQUIRE(sync_index(*other.repository, problems, {}));
    return {};
  };
  other.store = std::make_shared<FaultStore>(*bench.store, plan);
  other.open();
  auto const pushed = other.try_push(bench.files('b'));
  REQUIRE(flushes > 0);
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().condition == Condition::changed);
  other.store = bench.store;
  other.open();
  auto const again = other.push(bench.files('b'));
  bench.store_clock.advance(hours(26));
  CHECK(bench.collected(bench.machine).packs_removed == 1);
  Machine fresh(bench.store, bench.keys);
  CHECK(restore(fresh, again.id) == bench.files('b'));
}

TEST_CASE("collect: what was read before a mark was a day old decides nothing about it, however long the machine slept since", "[collect]") {
  Bench bench;
  bench.mark_a();
  bool armed = true;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (!armed || verb != "get" || !subject.starts_with(snapshots_prefix("p"))) return {};
    armed = false;  // the snapshots are listed; somebody may write one now that needs what is marked
    bench.store_clock.advance(hours(26));
    return {};
  };
  bench.store_clock.advance(hours(10));
  bench.machine.store = std::make_shared<FaultStore>(*bench.store, plan);
  CHECK(bench.collected(bench.machine).packs_removed == 0);
  REQUIRE_FALSE(armed);
  CHECK(bench.count(marks_prefix("p")) == 1);
  CHECK(bench.collected(bench.machine).packs_removed == 1);
}

TEST_CASE("collect: what an index object had replaced goes with it, when a collection died before it could remove that", "[collect]") {
  Bench bench;
  auto const a = bench.machine.push(bench.files('a'));
  auto const b = bench.machine.push(bench.files('b'));
  bench.machine.push(bench.files('c'));
  CollectLimits together;
  together.merge.small_objects = 1;
  REQUIRE(collect(bench.machine.repository, bench.machine.scratch.path(), {}, together).value().indexes_merged == 3);
  bench.remove_snapshot(a.id);
  bench.store_clock.advance(hours(50));
  CHECK(bench.collected(bench.machine).packs_marked == 1);
  bench.store_clock.advance(hours(26));
  // It removes the pack of a, and dies before the index object that named all three.
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "remove_versions" && subject.starts_with(indexes_prefix("p"))) return make_error(Condition::unreachable, "dead");
    return {};
  };
  bench.machine.store = std::make_shared<FaultStore>(*bench.store, plan);
  bench.machine.open();
  REQUIRE_FALSE(collect(bench.machine.repository, bench.machine.scratch.path(), {}));
  CHECK(bench.count(packs_prefix("p")) == 2);
  bench.machine.store = bench.store;
  bench.collected(bench.machine);
  // The pack of b goes in the same way, undisturbed.
  bench.remove_snapshot(b.id);
  CHECK(bench.collected(bench.machine).packs_marked == 1);
  bench.store_clock.advance(hours(26));
  CHECK(bench.collected(bench.machine).packs_removed == 1);
  b2b::test::Scratch const scratch;
  auto const survey = Survey::make(*bench.machine.repository, scratch.path(), {});
  REQUIRE(survey);
  CHECK((*survey)->bad_packs().empty());   // named, and gone
  CHECK(bench.count(indexes_prefix("p")) == 1);
}

TEST_CASE("collect: a damaged mark stops who writes, not who reads", "[collect]") {
  Bench bench;
  auto const b = bench.machine.push(bench.files('b'));
  bench.mark_a();
  std::string const mark = keys_of(*bench.store, marks_prefix("p")).front();
  std::string const whole = get_text(*bench.store, mark, 1 << 20, {}).value();
  std::string damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  SECTION("for good") {
    REQUIRE(bench.store->put(mark, MemorySource(damaged), {}));
    Machine other(bench.store, bench.keys);
    REQUIRE_FALSE(other.synced);
    CHECK(other.synced.error().condition == Condition::corrupt);
    other.read_only = true;
    other.open();
    REQUIRE(other.synced);
    REQUIRE(other.problems.size() == 1);
    CHECK(other.problems.front().starts_with(mark + ": "));
    CHECK(restore(other, b.id) == bench.files('b'));
  }
  SECTION("on the way, once") {
    int gets = 0;
    FaultPlan plan;
    plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
      if (verb == "get" && subject == mark) REQUIRE(bench.store->put(mark, MemorySource(++gets == 1 ? damaged : whole), {}));
      return {};
    };
    Machine other(std::make_shared<FaultStore>(*bench.store, plan), bench.keys);
    CHECK(gets == 2);
    CHECK(other.synced);
    CHECK(other.problems.empty());
  }
}
