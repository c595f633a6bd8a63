// A collection that repacks and merges, and fails or dies at each of its calls to the store, in turn: no snapshot loses anything, and the next
// collections end what it began.
#include <filesystem>
#include <mutex>
#include <set>

#include "core/packed/collect.h"
#include "core/store/fault_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using std::chrono::hours;

enum class Way { fails, answer_is_lost, process_dies };

CollectLimits few() {
  CollectLimits limits;
  limits.repack.small_packs = 3;
  limits.merge.small_objects = 2;
  return limits;
}

struct World {
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  OpenedRepository keys = some_keys();
  std::shared_ptr<Store> store = store_with(keys, clock);
  Machine machine{store, keys};
  std::map<std::string, Files> kept;

  void push(Files const& files) { kept[machine.push(files).id.text] = files; }
  // A sparse pack, small ones, one that was marked a day ago, and several index objects.
  World() {
    std::string const stays = log_text(700);
    auto const gone = machine.push({{"gone", random_text(60'000)}}).id;
    auto const all = machine.push({{"goes", random_text(150'000)}, {"stays", stays}}).id;
    remove(gone);
    clock.advance(hours(50));
    collected(machine);
    for (int i = 0; i < 3; ++i) push({{"stays", stays}, {"small", random_text(20'000)}});
    clock.advance(hours(50));
    remove(all);
  }
  void remove(SnapshotId const& id) { REQUIRE(remove_all(*store, snapshot_key("p", id.text), {})); }
  static CollectReport collected(Machine& machine) {
    machine.open();
    auto const report = collect(machine.repository, machine.scratch.path(), {}, few());
    if (!report) FAIL(report.error().text());
    return *report;
  }
  void check() const {
    Machine fresh(store, keys);
    REQUIRE(fresh.synced);
    CHECK(fresh.problems.empty());
    for (auto const& [id, files] : kept) CHECK(restore(fresh, *parse_snapshot_id(id)) == files);
  }
};

struct Interrupted {
  bool reached = false;
  std::string verb, subject;
};

Interrupted interrupt(Way way, std::uint64_t call) {
  World world;
  Interrupted out;
  b2b::test::Scratch const remains;
  std::mutex mutex;
  bool dead = false;
  std::string const record = world.machine.scratch.path() + "/packed.sqlite";
  FaultPlan plan;
  plan.fail_call = way == Way::process_dies ? 0 : call;
  plan.answer_lost_probability = way == Way::answer_is_lost ? 1 : 0;
  plan.before = [&](std::uint64_t number, std::string_view verb, std::string const& subject) -> Result<void> {
    std::scoped_lock lock(mutex);
    if (number == call) {
      out = {true, std::string(verb), subject};
      dead = way == Way::process_dies;
      for (char const* suffix : {"", "-wal"})
        if (dead && std::filesystem::exists(record + suffix)) std::filesystem::copy_file(record + suffix, remains / (std::string("record") + suffix));
    }
    if (dead) return make_error(Condition::unreachable, "this process is dead");
    return {};
  };
  world.machine.store = std::make_shared<FaultStore>(*world.store, plan);
  world.machine.open();
  INFO("call " << call << ": " << out.verb << " " << out.subject);
  if (world.machine.synced) {
    auto const report = collect(world.machine.repository, world.machine.scratch.path(), {}, few());
    CHECK(report.has_value() == !out.reached);
    if (report) {
      CHECK(report->packs_repacked == 4);
      CHECK(report->packs_removed == 1);
      CHECK(report->packs_marked == 4);
      CHECK(report->indexes_merged >= 2);
    }
  }
  world.check();
  world.machine.repository.reset();
  if (way == Way::process_dies && out.reached)
    for (char const* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(record + suffix);
      std::string const kept = remains / (std::string("record") + suffix);
      if (std::filesystem::exists(kept)) std::filesystem::copy_file(kept, record + suffix);
    }
  world.machine.store = world.store;
  // Six days on everything is as if nothing had happened.
  for (int day = 0; day < 6; ++day) {
    World::collected(world.machine);
    world.clock.advance(hours(26));
  }
  World::collected(world.machine);
  world.check();
  CHECK(keys_of(*world.store, packs_prefix("p")).size() == 1);
  CHECK(keys_of(*world.store, marks_prefix("p")).empty());
  CHECK(keys_of(*world.store, indexes_prefix("p")).size() <= 3);
  world.machine.open();
  CHECK(world.machine.push(world.kept.begin()->second).chunks == 0);
  return out;
}

void interrupt_everywhere(Way way) {
  std::set<std::string> verbs;
  std::map<std::string, std::size_t> puts;
  for (std::uint64_t call = 1;; ++call) {
    auto const at = interrupt(way, call);
    if (!at.reached) break;
    verbs.insert(at.verb);
    if (at.verb == "put") ++puts[at.subject.substr(7, at.subject.find('/', 7) - 7)];
  }
  CHECK(puts == std::map<std::string, std::size_t>{{"index", 3}, {"marks", 1}, {"packs", 1}});
  CHECK(verbs.contains("remove_versions"));
}

}  // namespace

TEST_CASE("a collection that fails at any call loses nothing", "[repack_crash]") { interrupt_everywhere(Way::fails); }
TEST_CASE("a collection whose answer is lost at any call loses nothing", "[repack_crash]") { interrupt_everywhere(Way::answer_is_lost); }
TEST_CASE("a collection that dies at any call loses nothing", "[repack_crash]") { interrupt_everywhere(Way::process_dies); }
