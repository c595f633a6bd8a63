// Repacking: sparse and small packs become full ones, index objects few, and nothing is lost on the way, whatever fails.
#include "core/packed/repack.h"

#include <mutex>
#include <random>

#include "core/packed/collect.h"
#include "core/packed/marks.h"
#include "core/store/fault_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using std::chrono::hours;

RepackCandidate candidate(char name, std::uint64_t box_bytes, std::uint64_t needed) {
  return {PackId{static_cast<std::uint8_t>(name)}, box_bytes + 100, box_bytes, needed, false};
}

std::string names(std::vector<PackId> const& packs) {
  std::string out;
  for (PackId const& id : packs) out.push_back(static_cast<char>(id[0]));
  return out;
}

struct Bench {
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  OpenedRepository keys = some_keys();
  std::shared_ptr<Store> store = store_with(keys, clock);
  Machine machine{store, keys};
  std::map<std::string, Files> kept;  // what there must be, by snapshot id

  SnapshotId push(Files const& files) {
    machine.open();
    auto const id = machine.push(files).id;
    kept[id.text] = files;
    return id;
  }
  void remove(SnapshotId const& id) {
    REQUIRE(remove_all(*store, snapshot_key("p", id.text), {}));
    kept.erase(id.text);
  }
  CollectReport collected(CollectLimits const& limits = {}) {
    machine.open();
    auto const report = collect(machine.repository, machine.scratch.path(), {}, limits);
    if (!report) FAIL(report.error().text());
    return *report;
  }
  std::size_t count(std::string const& prefix) { return keys_of(*store, prefix).size(); }
  std::uint64_t stored_bytes() {
    std::uint64_t bytes = 0;
    ListOptions options;
    options.prefix = repository_prefix("p");
    REQUIRE(store->list(options, [&](ListEntry const& entry) { return bytes += entry.object.size, true; }, {}));
    return bytes;
  }
  // As a new machine sees it.
  void check_kept() {
    Machine fresh(store, keys);
    REQUIRE(fresh.synced);
    CHECK(fresh.problems.empty());
    for (auto const& [id, files] : kept) {
      INFO("snapshot " << id);
      CHECK(restore(fresh, *parse_snapshot_id(id)) == files);
    }
  }
};

// A snapshot of a fifth of what lies in one pack, and nothing else.
void make_sparse(Bench& bench, std::size_t bytes = 200'000) {
  std::string const stays = random_text(bytes);
  auto const all = bench.push({{"stays", stays}, {"goes", random_text(4 * bytes)}});
  bench.push({{"stays", stays}});
  bench.remove(all);
  bench.clock.advance(hours(50));
}

}  // namespace

TEST_CASE("repack: the sparsest packs are chosen, and more while too much is not needed", "[repack]") {
  RepackLimits limits;
  limits.small_bytes = 0;
  CHECK(choose_packs({}, limits).empty());
  CHECK(names(choose_packs({candidate('a', 1000, 1000), candidate('b', 1000, 599), candidate('c', 1000, 10)}, limits)) == "cb");
  CHECK(names(choose_packs({candidate('a', 1000, 600), candidate('b', 9000, 9000)}, limits)).empty());  // 400 of 9,600
  CHECK(names(choose_packs({candidate('a', 1000, 600), candidate('b', 1000, 1000)}, limits)) == "a");   // 400 of 1,600
  CHECK(names(choose_packs({candidate('a', 1000, 700), candidate('b', 1000, 800), candidate('c', 1000, 900)}, limits)) == "ab");
  limits.round_bytes = 1200;
  CHECK(names(choose_packs({candidate('a', 1000, 20), candidate('b', 1000, 10), candidate('c', 50, 10)}, limits)) == "b");
  limits.round_bytes = 1;
  CHECK(names(choose_packs({candidate('a', 1000, 20)}, limits)) == "a");  // one always: it would never come
}

TEST_CASE("repack: what holds something forgotten is chosen first, however full it is", "[repack]") {
  RepackLimits limits;
  limits.small_bytes = 0;
  std::vector<RepackCandidate> packs{candidate('a', 1'000'000, 990'000), candidate('b', 1'000'000, 100'000), candidate('c', 1'000'000, 999'000)};
  CHECK(names(choose_packs(packs, limits)) == "b");
  packs[2].forgotten = true;
  CHECK(names(choose_packs(packs, limits)) == "cb");
  limits.round_bytes = 1'500'000;
  CHECK(names(choose_packs(packs, limits)) == "c");
}

TEST_CASE("repack: small packs are chosen when they are many or fill one, but for the large among them", "[repack]") {
  RepackLimits limits;
  limits.small_bytes = 1000;
  limits.small_packs = 4;
  limits.small_fill_bytes = 2000;
  std::vector<RepackCandidate> small;
  for (char const name : {'a', 'b', 'c'}) small.push_back(candidate(name, 100, 100));
  CHECK(choose_packs(small, limits).empty());
  small.push_back(candidate('d', 300, 300));
  CHECK(names(choose_packs(small, limits)) == "abcd");
  small[3] = candidate('d', 301, 301);
  CHECK(choose_packs(small, limits).empty());  // more than all the others
  small.push_back(candidate('e', 100, 100));
  CHECK(names(choose_packs(small, limits)) == "abced");
  small.push_back(candidate('f', 5000, 5000));
  CHECK(names(choose_packs(small, limits)) == "abced");
  CHECK(names(choose_packs({candidate('a', 700, 700), candidate('b', 700, 700), candidate('c', 700, 700)}, limits)) == "abc");
}

TEST_CASE("collect: a sparse pack is repacked, and goes", "[repack]") {
  Bench bench;
  make_sparse(bench);
  std::uint64_t const before = bench.stored_bytes();
  auto report = bench.collected();
  CHECK(report.packs_repacked == 1);
  CHECK(report.bytes_repacked > 200'000);
  CHECK(report.bytes_repacked < 250'000);
  CHECK(report.packs_marked == 1);
  CHECK(report.bytes_marked > 1'000'000);
  bench.check_kept();
  CHECK(bench.collected().packs_repacked == 0);
  bench.clock.advance(hours(26));
  report = bench.collected();
  CHECK(report.packs_removed == 1);
  CHECK(report.packs_repacked == 0);
  CHECK(bench.stored_bytes() + 800'000 < before);
  bench.check_kept();
  // Nothing goes round in circles.
  for (int day = 0; day < 5; ++day) {
    bench.clock.advance(hours(26));
    report = bench.collected();
    CHECK(report.packs_repacked + report.packs_marked + report.packs_removed == 0);
  }
  CHECK(bench.machine.push({{"stays", bench.kept.begin()->second.at("stays")}}).chunks == 0);
}

TEST_CASE("collect: the old pack goes and the new one stays, when both are old by then", "[repack]") {
  Bench bench;
  make_sparse(bench);
  bench.machine.open();
  // As if the machine had died right before it made its mark, and came back after a week.
  auto const marks = [&] { return keys_of(*bench.store, marks_prefix("p")); };
  CHECK(bench.collected().packs_repacked == 1);
  REQUIRE(marks().size() == 1);
  REQUIRE(remove_all(*bench.store, marks()[0], {}));
  auto const packs = keys_of(*bench.store, packs_prefix("p"));
  bench.clock.advance(hours(170));
  bool const new_machine = GENERATE(false, true);  // whose record has learnt of the packs in another order
  Machine other(bench.store, bench.keys);
  Machine& by = new_machine ? other : bench.machine;
  by.open();
  auto const report = collect(by.repository, by.scratch.path(), {}).value();
  CHECK(report.packs_repacked == 0);
  CHECK(report.packs_marked == 1);
  CHECK(report.bytes_marked > 1'000'000);
}

TEST_CASE("collect: small packs are put together", "[repack]") {
  Bench bench;
  Files files;
  for (int i = 0; i < 10; ++i) {
    files["file-" + std::to_string(i)] = random_text(50'000);
    bench.push(files);
  }
  CHECK(bench.count(packs_prefix("p")) == 10);
  CHECK(bench.collected().packs_repacked == 0);  // young
  bench.clock.advance(hours(50));
  auto report = bench.collected();
  CHECK(report.packs_repacked == 10);
  CHECK(report.packs_marked == 10);
  bench.check_kept();
  bench.clock.advance(hours(26));
  CHECK(bench.collected().packs_removed == 10);
  CHECK(bench.count(packs_prefix("p")) == 1);
  bench.check_kept();
}

TEST_CASE("collect: one round reads so much and no more", "[repack]") {
  Bench bench;
  make_sparse(bench);
  make_sparse(bench);
  make_sparse(bench);
  CollectLimits limits;
  limits.repack.round_bytes = 2'500'000;
  CHECK(bench.collected(limits).packs_repacked == 2);
  CHECK(bench.collected(limits).packs_repacked == 1);
  CHECK(bench.collected(limits).packs_repacked == 0);
  bench.clock.advance(hours(26));
  CHECK(bench.collected(limits).packs_removed == 3);
  bench.check_kept();
}

TEST_CASE("collect: many small index objects are put together", "[repack]") {
  Bench bench;
  CollectLimits limits;
  limits.repack.small_packs = 1000;
  limits.merge.small_objects = 9;
  Files files;
  for (int i = 0; i < 10; ++i) {
    CHECK(bench.collected(limits).indexes_merged == 0);
    files["file-" + std::to_string(i)] = random_text(10'000);
    bench.push(files);
  }
  CHECK(bench.count(indexes_prefix("p")) == 10);
  Machine other(bench.store, bench.keys);
  CHECK(bench.collected(limits).indexes_merged == 10);
  CHECK(bench.count(indexes_prefix("p")) == 1);
  bench.check_kept();
  other.open();
  for (auto const& [id, content] : bench.kept) CHECK(restore(other, *parse_snapshot_id(id)) == content);
  // In several steps where they are much, and those that name the same as others are among them.
  std::string const merged = keys_of(*bench.store, indexes_prefix("p"))[0];
  bench.push({{"another", random_text(100'000)}});
  limits.merge.small_objects = 1;
  limits.merge.together_bytes = 1;
  CHECK(bench.collected(limits).indexes_merged == 2);
  CHECK(bench.count(indexes_prefix("p")) == 1);
  CHECK(keys_of(*bench.store, indexes_prefix("p"))[0] != merged);
  bench.check_kept();
}

TEST_CASE("sync: index objects that are put together meanwhile are found in their new place", "[repack]") {
  Bench bench;
  for (int i = 0; i < 4; ++i) bench.push({{"file", random_text(10'000)}});
  CollectLimits limits;
  limits.merge.small_objects = 2;
  bool once = false;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "get" && subject.starts_with(indexes_prefix("p")) && !std::exchange(once, true))
      CHECK(bench.collected(limits).indexes_merged == 4);
    return {};
  };
  Machine reader(std::make_shared<FaultStore>(*bench.store, plan), bench.keys);
  REQUIRE(reader.synced);
  CHECK(once);
  for (auto const& [id, files] : bench.kept) CHECK(restore(reader, *parse_snapshot_id(id)) == files);
}

TEST_CASE("collect: a pack with a damaged chunk stays, the others are repacked", "[repack]") {
  Bench bench;
  make_sparse(bench, 100'000);
  auto const packs = keys_of(*bench.store, packs_prefix("p"));
  make_sparse(bench, 100'000);
  std::string pack;
  std::size_t largest = 0;
  for (std::string const& key : packs) {
    std::string text = get_text(*bench.store, key, max_pack_bytes, {}).value();
    if (text.size() > largest) largest = text.size(), pack = key;
  }
  std::string text = get_text(*bench.store, pack, max_pack_bytes, {}).value();
  for (std::size_t at = 100; at < text.size() - 20'000; at += 5'000) text[at] = static_cast<char>(text[at] ^ 1);
  REQUIRE(bench.store->put(pack, MemorySource(text), {}));
  auto const report = bench.collected();
  CHECK(report.packs_repacked == 1);
  CHECK(report.packs_marked == 1);
  bench.clock.advance(hours(26));
  bench.collected();
  auto const left = keys_of(*bench.store, packs_prefix("p"));
  CHECK(std::find(left.begin(), left.end(), pack) != left.end());
}

TEST_CASE("collect: a push at the same time loses nothing, and need not begin again", "[repack]") {
  // At each of the push's calls to the store in turn a whole collection of somebody else comes between.
  for (std::uint64_t call = 1;; ++call) {
    Bench one;
    make_sparse(one, 50'000);
    Files pushed = one.kept.begin()->second;
    Machine other(one.store, one.keys);
    pushed["more"] = random_text(30'000);
    bool reached = false;
    FaultPlan plan;
    std::mutex mutex;
    plan.before = [&](std::uint64_t number, std::string_view, std::string const&) -> Result<void> {
      std::scoped_lock lock(mutex);
      if (number != call) return {};
      reached = true;
      CHECK(one.collected().packs_repacked == 1);
      return {};
    };
    other.store = std::make_shared<FaultStore>(*one.store, plan);
    other.open();
    auto const done = other.try_push(pushed);
    INFO("call " << call);
    REQUIRE(done);
    one.kept[done->id.text] = pushed;
    for (int day = 0; day < 4; ++day) {
      one.clock.advance(hours(26));
      one.collected();
    }
    one.check_kept();
    if (!reached) break;
    REQUIRE(call < 100);
  }
}
