// Two machines that push into one repository, prune and collect, all at once: each call to the store waits for its turn, and whose turn it is,
// how much time passes, and who sleeps for days between two of its calls is drawn from a seed. In the end every snapshot whose push said that
// it is there, and that nobody removed, restores byte for byte.
#include <condition_variable>
#include <cstdlib>
#include <random>
#include <thread>

#include "core/packed/collect.h"
#include "core/packed/marks.h"
#include "core/store/fault_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

// Lets one actor go on at a time, to its next call.
class Turns {
 public:
  Turns(std::size_t actors, std::uint32_t seed, ManualClock& clock) : actors_(actors), random_(seed), clock_(clock) {}

  // From an actor's threads: before each call.
  void wait(std::size_t actor) {
    std::unique_lock lock(mutex_);
    Actor& me = actors_[actor];
    ++me.waiting;
    changed_.notify_all();
    changed_.wait(lock, [&] { return me.granted > 0; });
    --me.granted;
    --me.waiting;
    changed_.notify_all();  // another thread of this actor may be waiting, and this one for it
  }
  void ends(std::size_t actor) {
    std::scoped_lock lock(mutex_);
    actors_[actor].done = true;
    changed_.notify_all();
  }
  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] {
        return std::all_of(actors_.begin(), actors_.end(), [](Actor const& actor) { return actor.done || (actor.waiting > 0 && actor.granted == 0); });
      });
      std::vector<std::size_t> able;
      for (std::size_t i = 0; i < actors_.size(); ++i)
        if (!actors_[i].done) able.push_back(i);
      if (able.empty()) return;
      if (sleeps_for_ > 0) --sleeps_for_;
      if (sleeps_for_ == 0 && draw(60) == 0) {
        asleep_ = able[draw(able.size())];
        sleeps_for_ = 20 + draw(200);
      }
      if (sleeps_for_ > 0 && able.size() > 1) std::erase(able, asleep_);
      clock_.advance(draw(25) == 0 ? std::chrono::hours(1 + draw(40)) : std::chrono::seconds(draw(90)));
      ++actors_[able[draw(able.size())]].granted;
      changed_.notify_all();
      ++steps;
    }
  }
  std::uint64_t steps = 0;

 private:
  std::size_t draw(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

  struct Actor {
    int waiting = 0;
    int granted = 0;
    bool done = false;
  };
  std::vector<Actor> actors_;
  std::mt19937 random_;
  ManualClock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t asleep_ = 0;
  std::size_t sleeps_for_ = 0;
};

// What the machines agree on: which snapshots there should be. The turns keep them apart, but for the moments between two calls.
struct Promised {
  std::mutex mutex;
  std::map<std::string, Files> snapshots;
  std::vector<std::string> removed;
};

struct Counts {
  std::uint64_t steps = 0, pushed = 0, again = 0, removed = 0, marked = 0, spared = 0, refused = 0, repacked = 0, merged = 0;
};

// Few contents, so that what goes comes back.
Files draw_files(std::mt19937& random) {
  Files files;
  for (char const* const name : {"a", "b", "c"}) {
    std::uint32_t state = std::uniform_int_distribution<std::uint32_t>(1, 4)(random) * 7919U + static_cast<std::uint32_t>(name[0]);
    std::string text;
    while (text.size() < 15'000) {
      state = state * 1664525U + 1013904223U;
      text.push_back(static_cast<char>(state >> 24));
    }
    files[name] = text;
  }
  return files;
}

// So that a few small packs are many, and some waste is much.
CollectLimits small_limits() {
  CollectLimits limits;
  limits.repack.sparse_percent = 80;
  limits.repack.small_packs = 3;
  limits.repack.round_bytes = 150'000;
  limits.merge.small_objects = 3;
  return limits;
}

// A machine's life: pushes, prunes, collects, in an order of its own.
void live(Machine& machine, Promised& promised, std::uint32_t seed, Counts& counts) {
  std::mt19937 random(seed);
  for (int act = 0; act < 7; ++act) {
    machine.open();
    if (!machine.synced) continue;
    if (random() % 3 != 0) {
      Files const files = draw_files(random);
      for (int attempt = 0; attempt < 4; ++attempt) {
        auto const pushed = machine.try_push(files);
        if (pushed) {
          std::scoped_lock lock(promised.mutex);
          promised.snapshots[pushed->id.text] = files;
          ++counts.pushed;
          break;
        }
        if (pushed.error().condition != Condition::changed) throw std::runtime_error(pushed.error().text());
        ++counts.again;
        machine.open();
      }
      continue;
    }
    std::string gone;
    {
      std::scoped_lock lock(promised.mutex);
      if (promised.snapshots.size() > 2) {
        gone = promised.snapshots.begin()->first;
        promised.snapshots.erase(promised.snapshots.begin());
      }
    }
    if (!gone.empty() && !remove_all(*machine.store, snapshot_key("p", gone), {})) throw std::runtime_error("a snapshot could not be removed");
    auto const report = collect(machine.repository, machine.scratch.path(), {}, small_limits());
    if (!report && report.error().condition != Condition::refused) throw std::runtime_error(report.error().text());
    if (!report) {
      ++counts.refused;
    } else {
      counts.removed += report->packs_removed;
      counts.marked += report->packs_marked;
      counts.spared += report->packs_spared;
      counts.repacked += report->packs_repacked;
      counts.merged += report->indexes_merged;
    }
  }
}

void simulate(std::uint32_t seed, OpenedRepository const& keys, std::string const& config, Counts& counts) {
  constexpr std::size_t actors = 3;
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  std::shared_ptr<Store> const store = make_memory_store(clock, true);
  REQUIRE(store->put(config_key("p"), MemorySource(config), {}));
  Turns turns(actors, seed, clock);
  Promised promised;
  std::vector<std::unique_ptr<Machine>> machines;
  std::vector<bool> begun(actors, false);
  for (std::size_t i = 0; i < actors; ++i) {
    FaultPlan plan;
    plan.before = [&turns, &begun, i](std::uint64_t, std::string_view, std::string const&) -> Result<void> {
      if (begun[i]) turns.wait(i);
      return {};
    };
    machines.push_back(std::make_unique<Machine>(std::make_shared<FaultStore>(*store, plan), keys));
    machines.back()->clock.advance(std::chrono::minutes(17 * i));  // so that ids differ
  }
  for (std::size_t i = 0; i < actors; ++i) begun[i] = true;
  std::vector<std::thread> threads;
  std::vector<std::string> failures(actors);
  std::vector<Counts> of_actor(actors);
  for (std::size_t i = 0; i < actors; ++i)
    threads.emplace_back([&, i] {
      turns.wait(i);
      try {
        live(*machines[i], promised, seed * 31 + static_cast<std::uint32_t>(i), of_actor[i]);
      } catch (std::exception const& error) {
        failures[i] = error.what();
      }
      turns.ends(i);
    });
  turns.run();
  for (std::thread& thread : threads) thread.join();
  for (std::string const& failure : failures) CHECK(failure.empty());
  for (Counts const& one : of_actor) {
    counts.pushed += one.pushed;
    counts.again += one.again;
    counts.removed += one.removed;
    counts.marked += one.marked;
    counts.spared += one.spared;
    counts.repacked += one.repacked;
    counts.merged += one.merged;
    counts.refused += one.refused;
  }
  counts.steps += turns.steps;
  Machine fresh(store, keys);
  REQUIRE(fresh.synced);
  for (auto const& [id, files] : promised.snapshots) {
    INFO("seed " << seed << ", snapshot " << id);
    CHECK(restore(fresh, *parse_snapshot_id(id)) == files);
  }
}

}  // namespace

TEST_CASE("collect: machines that push, prune and collect at once, and sleep, lose no snapshot", "[collect_simulation]") {
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  std::shared_ptr<Store> const made = make_memory_store(clock, true);
  OpenedRepository const keys = open_keys(*made, clock).value();
  std::string const config = get_text(*made, config_key("p"), max_config_bytes, {}).value();
  char const* const runs_text = std::getenv("B2B_RUNS");
  bool const many = std::getenv("B2B_LONG") != nullptr;
  std::uint32_t const runs = runs_text != nullptr ? static_cast<std::uint32_t>(std::atoi(runs_text)) : many ? 1000 : 25;
  char const* const seed_text = std::getenv("B2B_SEED");
  std::uint32_t const first = seed_text != nullptr ? static_cast<std::uint32_t>(std::atoi(seed_text)) : 1;
  Counts counts;
  for (std::uint32_t seed = first; seed < first + runs; ++seed) simulate(seed, keys, config, counts);
  WARN(runs << " runs, " << counts.steps << " calls: " << counts.pushed << " snapshots, " << counts.again << " pushes began again, packs: "
            << counts.marked << " marked, " << counts.removed << " removed, " << counts.spared << " spared, " << counts.repacked << " repacked; "
            << counts.merged << " index objects merged; " << counts.refused << " collections refused");
  CHECK(counts.pushed > runs * 3);
  CHECK(counts.removed > 0);
  CHECK(counts.repacked > 0);
  CHECK(counts.merged > 0);
}
