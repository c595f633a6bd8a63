// A push that fails or dies at each of its calls to the store, in turn. Whatever is there then is whole; the next push, from the
// same data directory, commits and sends nothing again that had arrived.
#include <filesystem>
#include <mutex>
#include <set>

#include "core/store/fault_store.h"
#include "tests/support/sanitizer.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

enum class Way { fails, answer_is_lost, process_dies };

struct World {
  ManualClock clock{TimePoint{}};
  OpenedRepository keys = some_keys();
  std::shared_ptr<Store> store = store_with(keys, clock, false);
  std::map<std::string, Files> pushed;  // by snapshot id, those that failed, too

  // As a new machine sees it: each snapshot that exists has all that it needs.
  std::size_t check() const {
    Machine machine(store, keys);
    REQUIRE(machine.synced);
    CHECK(machine.problems.empty());
    auto const there = list_snapshots(*machine.repository->store, machine.repository->prefix, {}).value();
    for (SnapshotId const& id : there) {
      REQUIRE(pushed.contains(id.text));
      CHECK(restore(machine, id) == pushed.at(id.text));
    }
    return there.size();
  }

  // How often chunks are stored more than once, and how many packs no index object names.
  std::pair<std::size_t, std::size_t> waste() const {
    Machine machine(store, keys);
    std::set<std::string> named;
    for (auto const& pack : machine.repository->index->packs().value()) named.insert(pack_key("p", pack.id));
    std::set<std::pair<ChunkType, ChunkId>> seen;
    std::size_t twice = 0, unnamed = 0;
    for (std::string const& key : keys_of(*store, packs_prefix("p"))) {
      std::string const object = get_text(*store, key, max_pack_bytes, {}).value();
      auto const record = read_pack_directory(keys.master, keys.config.id, object.size(),
                                              [&](std::uint64_t offset, std::uint64_t bytes) -> Result<std::string> {
                                                return object.substr(offset, bytes);
                                              });
      REQUIRE(record);
      for (ChunkPlace const& place : record->chunks) twice += seen.insert({place.type, place.id}).second ? 0 : 1;
      unnamed += named.contains(key) ? 0 : 1;
    }
    return {twice, unnamed};
  }
};

// What a process that dies leaves of the record: what SQLite had written at that moment.
class Remains {
 public:
  void take(std::string const& data_dir) {
    for (char const* suffix : {"", "-wal"}) {
      std::string const name = std::string("packed.sqlite") + suffix;
      if (std::filesystem::exists(data_dir + "/" + name)) std::filesystem::copy_file(data_dir + "/" + name, scratch_ / name);
    }
  }
  void put_back(std::string const& data_dir) const {
    for (char const* suffix : {"", "-wal", "-shm"}) {
      std::string const name = std::string("packed.sqlite") + suffix;
      std::filesystem::remove(data_dir + "/" + name);
      if (std::filesystem::exists(scratch_ / name)) std::filesystem::copy_file(scratch_ / name, data_dir + "/" + name);
    }
  }

 private:
  b2b::test::Scratch scratch_;
};

struct Interrupted {
  bool reached = false;  // there was such a call
  std::string verb, subject;
};

Interrupted interrupt(Way way, std::uint64_t call, Files const& first, Files const& second) {
  World world;
  Machine machine(world.store, world.keys);
  world.pushed[machine.push(first).id.text] = first;

  Interrupted out;
  Remains remains;
  std::mutex mutex;
  bool dead = false;
  FaultPlan plan;
  plan.fail_call = way == Way::process_dies ? 0 : call;
  plan.answer_lost_probability = way == Way::answer_is_lost ? 1 : 0;
  plan.before = [&](std::uint64_t number, std::string_view verb, std::string const& subject) -> Result<void> {
    std::scoped_lock lock(mutex);
    if (number == call) {
      out = {true, std::string(verb), subject};
      if (way == Way::process_dies) {
        dead = true;
        remains.take(machine.scratch.path());
      }
    }
    if (dead) return make_error(Condition::unreachable, "this process is dead");
    return {};
  };
  machine.store = std::make_shared<FaultStore>(*world.store, plan);
  machine.open();
  auto const pushed = machine.synced ? machine.try_push(second) : Result<Machine::Pushed>(machine.synced.error());
  world.pushed.try_emplace(make_snapshot_id(SnapshotKind::regular, machine.clock.now(), 1).text, second);
  INFO(out.verb << " " << out.subject);
  CHECK(pushed.has_value() == !out.reached);
  std::size_t const there = world.check();
  if (!out.reached) return out;

  machine.repository.reset();
  if (way == Way::process_dies) remains.put_back(machine.scratch.path());
  machine.store = world.store;
  machine.open();
  REQUIRE(machine.synced);
  auto const again = machine.push(second);
  world.pushed[again.id.text] = second;
  CHECK(world.check() == there + 1);
  auto const [twice, unnamed] = world.waste();
  // Of a pack whose answer never came nobody here knows that it arrived. The store's clock is asked while packs are on their way: who dies
  // at that may have had one arrive that was not recorded yet.
  bool const pack = out.subject.find("/packs/") != std::string::npos || (way == Way::process_dies && out.verb == "now");
  if (!pack || way == Way::fails) {
    CHECK(twice == 0);
    CHECK(unnamed == 0);
  }
  return out;
}

Files first_files() {
  Files files;
  files["openclaw.json"] = "{}";
  files["log.jsonl"] = log_text(2000);
  return files;
}

// More than one pack.
Files second_files() {
  Files files = first_files();
  files["log.jsonl"] += log_text(1, 2000);
  files["random.bin"] = random_text(18'000'000);
  for (int i = 0; i < 20; ++i) files["many/" + std::to_string(i)] = "file " + std::to_string(i);
  return files;
}

void interrupt_everywhere(Way way) {
  Files const first = first_files(), second = second_files();
  std::set<std::string> verbs;
  std::size_t puts = 0;
  // Under a sanitizer every third one, each way others: it is slow there.
  std::uint64_t const step = b2b::test::under_sanitizer ? 3 : 1;
  for (std::uint64_t call = 1 + static_cast<std::uint64_t>(way) % step;; call += step) {
    auto const at = interrupt(way, call, first, second);
    if (!at.reached) break;
    verbs.insert(at.verb);
    if (at.verb == "put") ++puts;
  }
  if (step > 1) return;
  CHECK(puts == 4);  // two packs, an index object, the snapshot
  CHECK(verbs == std::set<std::string>{"list", "put", "flush", "get", "now"});
}

}  // namespace

TEST_CASE("a push that fails at any call leaves what is there whole, and the next one goes on", "[packed_interrupted]") {
  interrupt_everywhere(Way::fails);
}

TEST_CASE("a push whose answer is lost at any call leaves what is there whole", "[packed_interrupted]") {
  interrupt_everywhere(Way::answer_is_lost);
}

TEST_CASE("a push that dies at any call leaves what is there whole", "[packed_interrupted]") {
  interrupt_everywhere(Way::process_dies);
}

TEST_CASE("what a snapshot needs is durable before the snapshot is there", "[packed_interrupted]") {
  World world;
  std::mutex mutex;
  std::vector<std::string> calls;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    std::scoped_lock lock(mutex);
    if (verb == "flush") calls.emplace_back("flush");
    if (verb == "get" && subject == config_key("p")) calls.emplace_back("config");
    if (verb == "put") calls.push_back(subject.substr(0, subject.find('/', subject.find('/') + 1)));
    return {};
  };
  Machine machine(std::make_shared<FaultStore>(*world.store, plan), world.keys);
  machine.push(second_files());
  CHECK(calls == std::vector<std::string>{"p.repo/packs", "p.repo/packs", "flush", "p.repo/index", "flush", "config",
                                          "p.repo/snapshots", "flush"});
}

TEST_CASE("a repository that another machine put in place of ours gets no snapshot", "[packed_interrupted]") {
  World world;
  Machine machine(world.store, world.keys);
  RepositoryConfig other = world.keys.config;
  other.id = RepositoryId{9};
  REQUIRE(world.store->put(config_key("p"), MemorySource(format_config(other)), {}));
  auto const pushed = machine.try_push(first_files());
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().condition == Condition::changed);
  CHECK(keys_of(*world.store, snapshots_prefix("p")).empty());
}
