#include "core/engine/coordinator.h"

#include <atomic>
#include <condition_variable>
#include <future>

#include "core/engine/lock.h"
#include "core/engine/queue.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using namespace std::chrono_literals;
using b2b::test::Machine;

namespace {

// A store that can be away, and that can be held up: calls then wait until it is let go.
struct SwitchedStore {
  explicit SwitchedStore(Store& inner) : faults(inner, plan()) {}
  FaultPlan plan() {
    FaultPlan out;
    out.before = [this](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
      std::unique_lock lock(mutex);
      if (verb.starts_with("remove") && hold_removals) {
        ++held;
        changed.notify_all();
        changed.wait(lock, [this] { return !hold_removals; });
      }
      if (away) return make_error(Condition::unreachable, "the store is away");
      if (hold_puts && verb == "put") {
        ++held;
        changed.notify_all();
        changed.wait(lock, [this] { return !hold_puts; });
      }
      return {};
    };
    out.silent_since = [this] {
      std::scoped_lock lock(mutex);
      return silent_since;
    };
    return out;
  }
  void set_away(bool value) {
    std::scoped_lock lock(mutex);
    away = value;
  }
  void set_hold(bool value) {
    std::scoped_lock lock(mutex);
    hold_puts = value;
    changed.notify_all();
  }
  void wait_until_held() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return held > 0; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool away = false;
  bool hold_puts = false;
  bool hold_removals = false;
  std::optional<Monotonic> silent_since;
  int held = 0;
  FaultStore faults;
};

struct Service {
  explicit Service(bool with_first_push = true) : store(*machine.memory) {
    machine.clock.set_wall(system_clock().now() + 30s);
    if (with_first_push) machine.push_ok();
    start();
  }
  void start() {
    CoordinatorOptions options;
    options.clock = &machine.clock;
    options.instance = open_instance(machine.config).value();
    options.index = Index::open(options.instance.data_dir).value();
    options.open = [this](std::stop_token) -> Result<EngineContext> {
      std::unique_lock lock(mutex);
      ++opening;
      may_open.notify_all();
      may_open.wait(lock, [this] { return !hold_open; });
      if (refuse_open) return make_error(Condition::permission, "the key is revoked");
      return machine.open(&store.faults);
    };
    options.event = [this](std::string_view name, boost::json::object const&) {
      std::scoped_lock lock(mutex);
      ++events[std::string(name)];
    };
    coordinator = std::make_unique<Coordinator>(std::move(options));
  }
  struct Answers {
    std::promise<Result<PushReport>> captured, finished;
  };
  std::shared_ptr<Answers> ask(Trigger trigger) {
    auto answers = std::make_shared<Answers>();
    PushJob job;
    job.trigger = trigger;
    job.captured = [answers](Result<PushReport> const& report) { answers->captured.set_value(report); };
    job.finished = [answers](Result<PushReport> const& report) { answers->finished.set_value(report); };
    coordinator->push(std::move(job));
    return answers;
  }
  std::vector<SnapshotInfo> listing() {
    auto context = machine.open();
    auto const listed = list_bucket(context, true);
    REQUIRE(listed);
    std::vector<SnapshotInfo> out;
    for (auto const& snapshot : listed->snapshots) out.push_back(snapshot.info);
    return out;
  }
  void set_hold_open(bool value) {
    std::scoped_lock lock(mutex);
    hold_open = value;
    may_open.notify_all();
  }
  int count(std::string const& event) {
    std::scoped_lock lock(mutex);
    return events[event];
  }

  Machine machine;
  SwitchedStore store;
  std::mutex mutex;
  std::condition_variable may_open;
  bool hold_open = false;
  std::atomic<bool> refuse_open = false;
  int opening = 0;        // times that it was begun
  std::map<std::string, int> events;
  std::unique_ptr<Coordinator> coordinator;
};

}  // namespace

TEST_CASE("coordinator: a first push captures and uploads at once") {
  Service service(false);
  auto const answers = service.ask(Trigger::manual);
  auto const captured = answers->captured.get_future().get();
  auto const finished = answers->finished.get_future().get();
  REQUIRE(finished);
  REQUIRE(captured);
  REQUIRE(finished->snapshot);
  CHECK(service.machine.contents(*finished->snapshot).size() == 3);
  service.coordinator->wait_idle();
  auto const status = service.coordinator->status();
  CHECK(status.last_good == finished->snapshot->text);
  CHECK(status.running.empty());
  CHECK(status.queue.empty());
}

TEST_CASE("coordinator: a push is captured, then uploaded, then pruned") {
  Service service;
  service.machine.write("workspace/MEMORY.md", "changed\n");
  auto const finished = service.ask(Trigger::manual)->finished.get_future().get();
  REQUIRE(finished);
  CHECK(service.machine.contents(*finished->snapshot).at("workspace/MEMORY.md") == "changed\n");
  service.coordinator->wait_idle();
  CHECK(service.count("captured") == 1);
  CHECK(service.count("uploaded") == 1);
  auto const again = service.ask(Trigger::schedule)->finished.get_future().get();
  REQUIRE(again);
  CHECK(again->unchanged);
}

TEST_CASE("coordinator: a capture does not wait for an upload, and holds the state of its own moment") {
  Service service;
  service.machine.write("workspace/MEMORY.md", "first\n");
  service.store.set_hold(true);
  auto const first = service.ask(Trigger::manual);
  service.store.wait_until_held();  // the upload is under way, and stands still
  service.machine.write("workspace/MEMORY.md", "before the compaction\n");
  auto const second = service.ask(Trigger::compaction);
  auto const captured = second->captured.get_future().get();
  REQUIRE(captured);
  REQUIRE(captured->snapshot);
  service.machine.write("workspace/MEMORY.md", "after the compaction\n");
  CHECK(service.coordinator->status().queue.size() == 2);
  service.store.set_hold(false);
  REQUIRE(first->finished.get_future().get());
  REQUIRE(second->finished.get_future().get());
  CHECK(service.machine.contents(*captured->snapshot).at("workspace/MEMORY.md") == "before the compaction\n");
}

TEST_CASE("coordinator: a trigger is served by a capture that began after it") {
  Service service;
  service.machine.write("workspace/MEMORY.md", "one\n");
  service.store.set_hold(true);
  std::vector<std::shared_ptr<Service::Answers>> asked;
  for (int i = 0; i < 5; ++i) {
    service.machine.write("workspace/MEMORY.md", "version " + std::to_string(i) + "\n");
    asked.push_back(service.ask(Trigger::change));
    auto const captured = asked.back()->captured.get_future().get();
    REQUIRE(captured);
    REQUIRE(captured->snapshot);
  }
  service.store.set_hold(false);
  for (int i = 0; i < 5; ++i) {
    auto const finished = asked[static_cast<std::size_t>(i)]->finished.get_future().get();
    REQUIRE(finished);
    CHECK(service.machine.contents(*finished->snapshot).at("workspace/MEMORY.md") == "version " + std::to_string(i) + "\n");
  }
}

TEST_CASE("coordinator: with the store away captures wait; they arrive in order, also after a restart") {
  Service service;
  service.store.set_away(true);
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    service.machine.clock.advance(1s);
    service.machine.write("workspace/MEMORY.md", "version " + std::to_string(i) + "\n");
    auto const answers = service.ask(Trigger::schedule);
    auto const captured = answers->captured.get_future().get();
    REQUIRE(captured);
    ids.push_back(captured->snapshot->text);
    service.coordinator->wait_idle();
  }
  auto status = service.coordinator->status();
  CHECK_FALSE(status.store_reachable);
  CHECK(status.queue.size() == 3);
  REQUIRE(status.last_error);
  REQUIRE(service.coordinator->next_wake());
  SECTION("it comes back") {
    service.store.set_away(false);
    while (!service.coordinator->status().queue.empty()) {
      auto const wake = service.coordinator->next_wake();
      if (wake) service.machine.clock.advance(*wake);
      service.coordinator->tick();
      service.coordinator->wait_idle();
    }
  }
  SECTION("the daemon is started again meanwhile") {
    service.coordinator.reset();
    service.start();
    service.coordinator->wait_idle();
    CHECK(service.coordinator->status().queue.size() == 3);
    service.store.set_away(false);
    service.coordinator->try_uploads_now();
    service.coordinator->wait_idle();
  }
  status = service.coordinator->status();
  CHECK(status.queue.empty());
  CHECK(status.store_reachable);
  CHECK_FALSE(status.last_error);
  CHECK(status.last_good == ids.back());
  auto const listed = service.listing();
  REQUIRE(listed.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(listed[i + 1].id.text == ids[i]);
    CHECK(service.machine.contents(listed[i + 1].id).at("workspace/MEMORY.md") == "version " + std::to_string(i) + "\n");
  }
}

TEST_CASE("coordinator: what is known of the last good snapshot and of the queue is known at once") {
  Service service;
  service.machine.write("workspace/MEMORY.md", "arrives\n");
  REQUIRE(service.ask(Trigger::schedule)->finished.get_future().get());
  service.coordinator->wait_idle();
  service.store.set_away(true);
  service.machine.write("workspace/MEMORY.md", "waits\n");
  REQUIRE(service.ask(Trigger::schedule)->captured.get_future().get());
  service.coordinator->wait_idle();
  auto const before = service.coordinator->status();
  REQUIRE(service.machine.open().index->set_value("prune-paused", "x"));
  service.coordinator.reset();
  service.set_hold_open(true);   // nothing is put in order yet
  service.start();
  auto const status = service.coordinator->status();
  CHECK(status.last_good_time);
  CHECK(status.last_good_time == before.last_good_time);
  CHECK(status.last_good == before.last_good);
  CHECK(status.prune_paused);
  REQUIRE(status.queue.size() == 1);
  CHECK(status.queue.front().id == before.queue.front().id);
  CHECK(status.queue_bytes == before.queue_bytes);
  service.set_hold_open(false);
  service.coordinator->wait_idle();
}

TEST_CASE("coordinator: pruning is a job, which can be cancelled") {
  Service service;
  service.coordinator->wait_idle();
  service.machine.config.keep_snapshots = 1;
  service.machine.write("workspace/MEMORY.md", "changed\n");
  {
    std::scoped_lock lock(service.store.mutex);
    service.store.hold_removals = true;
  }
  REQUIRE(service.ask(Trigger::manual)->finished.get_future().get());
  service.store.wait_until_held();
  auto const status = service.coordinator->status();
  REQUIRE(status.running.size() == 1);
  CHECK(status.running.front().what == "prune");
  CHECK(status.running.front().phase == "pruning");
  CHECK(service.coordinator->cancel(status.running.front().id));
  {
    std::scoped_lock lock(service.store.mutex);
    service.store.hold_removals = false;
    service.store.changed.notify_all();
  }
  service.coordinator->wait_idle();
  CHECK(service.coordinator->status().running.empty());
  CHECK_FALSE(service.coordinator->status().last_error);
}

TEST_CASE("coordinator: a store that does not answer is told after 20 s, with the time") {
  Service service;
  bool const while_opening = GENERATE(false, true);
  service.coordinator->wait_idle();
  CHECK(service.coordinator->status().store_reachable);
  auto const began = service.machine.clock.now();
  service.machine.write("workspace/MEMORY.md", "changed\n");
  service.set_hold_open(while_opening);
  {
    std::scoped_lock lock(service.store.mutex);
    service.store.hold_puts = !while_opening;
    service.store.silent_since = service.machine.clock.monotonic();
  }
  auto const answers = service.ask(Trigger::manual);
  if (while_opening) {
    std::unique_lock lock(service.mutex);
    service.may_open.wait(lock, [&] { return service.opening > 1; });
  } else {
    service.store.wait_until_held();
  }
  service.machine.clock.advance(19s);
  CHECK(service.coordinator->status().store_reachable);
  CHECK_FALSE(service.coordinator->status().not_answering_since);
  service.machine.clock.advance(1s);
  CHECK_FALSE(service.coordinator->status().store_reachable);
  CHECK(service.coordinator->status().not_answering_since == began);
  {
    std::scoped_lock lock(service.store.mutex);
    service.store.silent_since.reset();
  }
  service.set_hold_open(false);
  service.store.set_hold(false);
  REQUIRE(answers->finished.get_future().get());
  service.coordinator->wait_idle();
  CHECK(service.coordinator->status().store_reachable);
  CHECK_FALSE(service.coordinator->status().not_answering_since);
}

TEST_CASE("coordinator: what a crash left of an uploaded capture goes at the start") {
  Service service;
  service.coordinator.reset();
  std::string const left = queue_folder(service.machine.open()) + "/2026-01-01T00-00-00-000Z-00000000.uploaded";
  REQUIRE(make_directories(left + "/bodies"));
  REQUIRE(atomic_write_file(left + "/bodies/pack", "captured\n"));
  service.start();
  auto const answers = service.ask(Trigger::manual);
  auto const finished = answers->finished.get_future().get();
  REQUIRE(finished);
  CHECK(finished->unchanged);  // so nothing was uploaded
  CHECK_FALSE(path_exists(left));
}

TEST_CASE("coordinator: another process at work is waited for") {
  Service service;
  service.coordinator->wait_idle();
  service.machine.write("workspace/MEMORY.md", "changed\n");
  auto lock = std::make_optional(*DataLock::acquire(service.machine.config.state_dir, "test"));
  auto const answers = service.ask(Trigger::compaction);
  service.coordinator->wait_idle();
  auto captured = answers->captured.get_future();
  CHECK(captured.wait_for(0s) == std::future_status::timeout);
  lock.reset();
  service.machine.clock.advance(*service.coordinator->next_wake());
  service.coordinator->tick();
  REQUIRE(captured.get());
  REQUIRE(answers->finished.get_future().get());
}

TEST_CASE("coordinator: cancelled before it began, and while it waits") {
  Service service;
  service.coordinator->wait_idle();
  auto lock = std::make_optional(*DataLock::acquire(service.machine.config.state_dir, "test"));
  std::promise<Result<PushReport>> finished;
  PushJob job;
  job.finished = [&](Result<PushReport> const& report) { finished.set_value(report); };
  JobId const id = service.coordinator->push(std::move(job));
  service.coordinator->wait_idle();
  CHECK(service.coordinator->status().running.size() == 1);
  CHECK(service.coordinator->cancel(id));
  CHECK(finished.get_future().get().error().condition == Condition::cancelled);
  CHECK_FALSE(service.coordinator->cancel(id));
}

TEST_CASE("coordinator: a capture that is postponed is told as made when it is made") {
  Service service(false);
  service.coordinator->wait_idle();
  service.store.set_away(true);
  std::mutex mutex;
  std::map<int, std::vector<bool>> captured;
  std::map<int, int> postponed;
  auto const trigger = [&](int number, Trigger why) {
    PushJob job;
    job.trigger = why;
    job.captured = [&, number](Result<PushReport> const& report) {
      std::scoped_lock lock(mutex);
      captured[number].push_back(report.has_value());
    };
    job.postponed = [&, number](Error const&) {
      std::scoped_lock lock(mutex);
      ++postponed[number];
    };
    auto const id = service.coordinator->push(std::move(job));
    service.coordinator->wait_idle();
    return id;
  };
  auto const first = trigger(1, Trigger::change);
  CHECK(postponed == std::map<int, int>{{1, 1}});
  CHECK(captured.empty());
  // Each interval brings another one: they wait as one job for each trigger.
  CHECK(trigger(2, Trigger::change) == first);
  CHECK(trigger(3, Trigger::change) == first);
  auto const scheduled = trigger(4, Trigger::schedule);
  CHECK(scheduled != first);
  CHECK(service.coordinator->status().running.size() == 2);
  auto const asked = service.ask(Trigger::manual);      // somebody waits for this one
  service.coordinator->wait_idle();
  CHECK(service.coordinator->status().running.size() == 3);
  service.machine.clock.advance(*service.coordinator->next_wake());
  service.coordinator->tick();
  service.coordinator->wait_idle();
  CHECK_FALSE(asked->finished.get_future().get());
  CHECK(captured.empty());
  CHECK(postponed == std::map<int, int>{{1, 2}, {2, 1}, {3, 1}, {4, 1}});
  service.store.set_away(false);
  service.machine.clock.advance(*service.coordinator->next_wake());
  service.coordinator->tick();
  service.coordinator->wait_idle();
  CHECK(captured == std::map<int, std::vector<bool>>{{1, {true}}, {2, {true}}, {3, {true}}, {4, {true}}});
  CHECK(service.coordinator->status().running.empty());
  CHECK(trigger(5, Trigger::change) != first);
  CHECK(captured[5] == std::vector<bool>{true});
}

TEST_CASE("coordinator: a restore's safety snapshot is uploaded after it, and again until it is there, also after a restart") {
  Service service;
  service.coordinator->wait_idle();
  service.machine.write("workspace/MEMORY.md", "before the restore\n");
  auto const run = [&] {
    std::promise<Result<boost::json::object>> answer;
    service.coordinator->run(Lane::reading, "restore", [&](EngineContext& context) -> Result<boost::json::object> {
      RestoreOptions options;
      options.confirmed = true;
      B2B_ASSIGN(auto const report, restore(context, options));
      service.store.set_away(true);
      return boost::json::object{{"safety", report.safety->text}};
    }, [&](Result<boost::json::object> const& result) { answer.set_value(result); });
    auto const result = answer.get_future().get();
    REQUIRE(result);
    return parse_snapshot_id(std::string(result->at("safety").as_string())).value();
  };
  auto const safety = run();
  service.coordinator->wait_idle();
  CHECK(service.listing().size() == 1);
  REQUIRE(service.coordinator->next_wake());
  bool const restart = GENERATE(false, true);
  if (restart) {
    service.coordinator.reset();
    service.start();
    service.coordinator->wait_idle();
  }
  service.store.set_away(false);
  service.machine.clock.advance(*service.coordinator->next_wake());
  service.coordinator->tick();
  service.coordinator->wait_idle();
  CHECK(service.listing().size() == 2);
  CHECK(service.machine.contents(safety).at("workspace/MEMORY.md") == "before the restore\n");
  CHECK_FALSE(service.coordinator->next_wake());
}

TEST_CASE("coordinator: other jobs run on their lane and give their answer") {
  Service service;
  std::promise<Result<boost::json::object>> answer;
  service.coordinator->run(Lane::reading, "list", [](EngineContext& context) -> Result<boost::json::object> {
    B2B_ASSIGN(auto const listing, list_bucket(context, false));
    return boost::json::object{{"count", listing.snapshots.size()}};
  }, [&](Result<boost::json::object> const& result) { answer.set_value(result); });
  auto const result = answer.get_future().get();
  REQUIRE(result);
  CHECK(result->at("count").to_number<int>() == 1);
}

TEST_CASE("coordinator: what needs no engine runs also while none can be opened") {
  Service service(false);
  service.coordinator->wait_idle();
  service.refuse_open = true;
  auto const work = [](EngineContext& context) -> Result<boost::json::object> { return boost::json::object{{"store", context.store != nullptr}}; };
  std::promise<Result<boost::json::object>> bare, whole;
  service.coordinator->run_bare("bare", work, [&](Result<boost::json::object> const& answer) { bare.set_value(answer); });
  service.coordinator->run(Lane::reading, "whole", work, [&](Result<boost::json::object> const& answer) { whole.set_value(answer); });
  auto const answer = bare.get_future().get();
  REQUIRE(answer);
  CHECK_FALSE(answer->at("store").as_bool());
  CHECK(whole.get_future().get().error().condition == Condition::permission);
}

TEST_CASE("coordinator: stopping captures what was triggered, leaves the upload for later, and refuses new work") {
  Service service;
  service.coordinator->wait_idle();
  service.store.set_away(true);
  service.machine.write("workspace/MEMORY.md", "last words\n");
  auto const answers = service.ask(Trigger::gateway_stop);
  service.coordinator->stop({});
  auto const captured = answers->captured.get_future().get();
  REQUIRE(captured);
  REQUIRE(captured->snapshot);
  CHECK_FALSE(answers->finished.get_future().get());
  CHECK(service.ask(Trigger::manual)->finished.get_future().get().error().condition == Condition::cancelled);
  service.store.set_away(false);
  service.start();
  service.coordinator->wait_idle();
  CHECK(service.machine.contents(*captured->snapshot).at("workspace/MEMORY.md") == "last words\n");
}
