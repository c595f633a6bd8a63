// What happens at the target while a restore in place fetches, which it does without the data lock.
#include "core/engine/restore_planning.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "core/engine/lock.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;
namespace fs = std::filesystem;

namespace {

// A snapshot of a few files, one of which is to be restored, and a store that calls back while it is fetched.
struct Scene {
  Machine machine;
  std::string snapshot;
  std::string target;    // empty: in place
  std::function<void()> while_fetching;
  std::function<Result<void>()> before_put;
  bool uploads_follow = false;
  std::atomic<int> fetched{0};
  std::shared_ptr<Progress> progress;

  Scene() {
    machine.clock.set_wall(system_clock().now() + std::chrono::hours(1));  // all files are settled
    for (int i = 0; i < 9; ++i)
      machine.write("workspace/n" + std::to_string(i), "as in the snapshot");
    snapshot = machine.push_ok().snapshot->text;
    machine.write("workspace/MEMORY.md", "changed");
  }

  Result<RestoreReport> run() {
    FaultPlan plan;
    plan.before = [this](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
      if (verb.starts_with("get") && subject.find("workspace/") != std::string::npos &&
          !inside_.exchange(true)) {
        ++fetched;
        if (while_fetching) while_fetching();
        inside_ = false;
      }
      if (verb == "put" && before_put) return before_put();
      return {};
    };
    FaultStore store(*machine.memory, plan);
    auto context = machine.open(&store);
    progress = context.progress;
    context.uploads_follow = uploads_follow;
    return restore(context, options());
  }
  RestoreOptions options() const {
    RestoreOptions out;
    out.snapshot = snapshot;
    out.target = target;
    out.confirmed = true;
    return out;
  }
  std::string content(std::string const& name) const { return read_file(machine.path(name), 100).value(); }
  bool leaves_nothing() const {
    for (auto const& entry : fs::directory_iterator(machine.path("b2backupd")))
      if (entry.path().filename().string().starts_with("restore-")) return false;
    return true;
  }

 private:
  std::atomic<bool> inside_{false};
};

RestoreReport need(Result<RestoreReport> report) {
  INFO((report ? std::string() : report.error().text()));
  REQUIRE(report);
  return *report;
}

}  // namespace

TEST_CASE("a restore in place fetches without the data lock: a push goes on meanwhile") {
  Scene scene;
  std::optional<PushReport> pushed;
  scene.while_fetching = [&] {
    if (!pushed) pushed = scene.machine.push_ok();
  };
  auto const report = need(scene.run());
  REQUIRE(pushed);
  CHECK(pushed->snapshot);
  CHECK(report.restored == 1);
  CHECK(scene.content("workspace/MEMORY.md") == "# memory\n");
  CHECK(scene.leaves_nothing());
}

TEST_CASE("what changes while a restore fetches is restored as well") {
  Scene scene;
  scene.while_fetching = [&] {
    if (scene.fetched > 1) return;
    scene.machine.write("workspace/n0",
                        "AS IN THE SNAPSHOT");  // was as it should be, and has the same size still
    scene.machine.remove("workspace/n1");
    scene.machine.write("workspace/appeared", "new");
  };
  auto const report = need(scene.run());
  CHECK(report.failed.empty());
  CHECK(report.restored == 3);
  CHECK(report.removed == 1);
  CHECK(scene.content("workspace/MEMORY.md") == "# memory\n");
  CHECK(scene.content("workspace/n0") == "as in the snapshot");
  CHECK(scene.content("workspace/n1") == "as in the snapshot");
  CHECK_FALSE(fs::exists(scene.machine.path("workspace/appeared")));
  CHECK(read_file(report.quarantine + "/workspace/appeared", 100).value() == "new");
  CHECK(report.safety);
  CHECK(scene.leaves_nothing());
}

TEST_CASE("a hard link to a file that changes while a restore fetches is not made") {
  Scene scene;
  fs::create_hard_link(scene.machine.path("workspace/n3"), scene.machine.path("workspace/n4-twin"));
  scene.snapshot = scene.machine.push_ok().snapshot->text;
  scene.machine.remove("workspace/n4-twin");
  scene.machine.write("workspace/n5", "another reason to fetch");
  scene.while_fetching = [&] {
    if (scene.fetched > 1) return;
    scene.machine.write("workspace/n3", "changed where it lies");
  };
  // The link is staged after the fetching, so this finds the changed content in it.
  auto const report = need(scene.run());
  CHECK(report.failed.empty());
  CHECK(scene.content("workspace/n3") == "as in the snapshot");
  CHECK(scene.content("workspace/n4-twin") == "as in the snapshot");
  CHECK(fs::equivalent(scene.machine.path("workspace/n3"), scene.machine.path("workspace/n4-twin")));
}

TEST_CASE("a state directory that changes without end: changed, and nothing was done") {
  Scene scene;
  int round = 0;
  scene.while_fetching = [&] { scene.machine.write("workspace/n" + std::to_string(round++), "changed"); };
  auto const report = scene.run();
  REQUIRE_FALSE(report);
  CHECK(report.error().condition == Condition::changed);
  CHECK(report.error().message.find("changes faster") != std::string::npos);
  CHECK(round < 9);
  CHECK(scene.content("workspace/MEMORY.md") == "changed");
  CHECK(scene.leaves_nothing());
  CHECK(DataLock::acquire(scene.machine.config.state_dir, "a test"));
}

TEST_CASE("what a restore was not confirmed for it does not overwrite") {
  Scene scene;
  scene.machine.remove("workspace/MEMORY.md");  // nothing is overwritten, so far
  scene.while_fetching = [&] { scene.machine.write("workspace/MEMORY.md", "written meanwhile"); };
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb.starts_with("get") && subject.find("workspace/") != std::string::npos) scene.while_fetching();
    return {};
  };
  FaultStore store(*scene.machine.memory, plan);
  auto context = scene.machine.open(&store);
  auto options = scene.options();
  options.confirmed = false;
  auto const report = restore(context, options);
  REQUIRE_FALSE(report);
  CHECK(report.error().condition == Condition::refused);
  CHECK(scene.content("workspace/MEMORY.md") == "written meanwhile");
}

TEST_CASE("of two paths that are asked for the one that is not there is named, and the other restored") {
  Scene scene;
  scene.machine.write("workspace/MEMORY.md", "changed");
  auto context = scene.machine.open();
  auto options = scene.options();
  options.paths = {"workspace/MEMORY.md", "workspce/*"};
  auto const report = need(restore(context, options));
  CHECK(scene.content("workspace/MEMORY.md") == "# memory\n");
  REQUIRE(report.failed.size() == 1);
  CHECK(report.failed.front().path == "workspce/*");
  options.paths = {"nothing", "workspce/*"};
  auto const none = restore(context, options);
  REQUIRE_FALSE(none);
  CHECK(none.error().condition == Condition::not_found);
}

TEST_CASE("of two restores in place the second ends with busy") {
  Scene scene;
  std::optional<Condition> second;
  scene.while_fetching = [&] {
    auto context = scene.machine.open();
    auto const report = restore(context, scene.options());
    second = report ? std::optional<Condition>() : report.error().condition;
  };
  need(scene.run());
  CHECK(second == Condition::busy);
  scene.machine.write("workspace/MEMORY.md", "changed again");
  scene.while_fetching = {};
  CHECK(need(scene.run()).restored == 1);
}

TEST_CASE("a restore waits for the job that holds the lock when everything is fetched") {
  Scene scene;
  std::thread other;
  scene.while_fetching = [&] {
    if (other.joinable()) return;
    auto lock =
        std::make_shared<DataLock>(DataLock::acquire(scene.machine.config.state_dir, "a test").value());
    other = std::thread([&scene, lock]() mutable {
      while (std::string_view(scene.progress->phase.load()) != "waiting for another job")
        std::this_thread::yield();
      scene.machine.write("workspace/n2", "by that job");
      lock.reset();
    });
  };
  auto const report = need(scene.run());
  REQUIRE(other.joinable());
  other.join();
  CHECK(report.restored == 2);
  CHECK(scene.content("workspace/n2") == "as in the snapshot");
}

TEST_CASE("the safety snapshot is uploaded after the swap, and nobody waits for it") {
  Scene scene;
  int puts = 0;
  bool const away = GENERATE(false, true);
  scene.uploads_follow = GENERATE(false, true);
  std::mutex one_at_a_time;
  scene.before_put = [&]() -> Result<void> {
    std::scoped_lock const lock(one_at_a_time);
    ++puts;
    CHECK(scene.content("workspace/MEMORY.md") == "# memory\n");
    CHECK(DataLock::acquire(scene.machine.config.state_dir, "a push"));
    CHECK(RestoreLock::acquire(scene.machine.open().instance.data_dir, scene.machine.config.state_dir));
    if (away) return make_error(Condition::unreachable, "the store is away");
    return {};
  };
  auto const report = need(scene.run());
  REQUIRE(report.safety);
  CHECK(scene.content("workspace/MEMORY.md") == "# memory\n");
  CHECK((puts > 0) == !scene.uploads_follow);
  auto context = scene.machine.open();
  bool const waits = scene.uploads_follow || away;
  CHECK(!waiting_safeties(context).value().empty() == waits);
  CHECK(report.notes.empty() == !waits);
  if (waits) CHECK(report.notes.back().find(report.safety->text + " is kept on this machine for now") != std::string::npos);
  CHECK(upload_pending_safety(context, false).value() == (waits ? 1 : 0));
  CHECK(scene.machine.contents(*report.safety).at("workspace/MEMORY.md") == "changed");
}

TEST_CASE("pruning leaves the snapshot alone that is being restored") {
  Scene scene;
  bool const elsewhere = GENERATE(false, true);
  if (elsewhere) scene.target = scene.machine.root() + "/elsewhere";
  scene.machine.config.keep_snapshots = 1;
  scene.machine.push_ok();
  std::vector<std::string> removed;
  std::string reason;
  auto const prune_now = [&] {
    auto context = scene.machine.open();
    auto report = prune(context, {});
    REQUIRE(report);
    removed = report->removed;
    for (auto const& verdict : report->verdicts)
      if (verdict.id.text == scene.snapshot) reason = verdict.reason;
  };
  scene.machine.write("workspace/MEMORY.md", "changed again");
  scene.snapshot = scene.machine.push_ok().snapshot->text;
  scene.machine.write("workspace/MEMORY.md", "and again");
  scene.while_fetching = [&] {
    if (scene.fetched > 1) return;
    scene.machine.push_ok();
    prune_now();
  };
  need(scene.run());
  CHECK(removed.empty());
  CHECK(reason == "is being restored or verified");
  CHECK((elsewhere ? read_file(scene.target + "/workspace/MEMORY.md", 100).value() : scene.content("workspace/MEMORY.md")) == "changed again");
  prune_now();
  CHECK(removed == std::vector<std::string>{scene.snapshot});
}
