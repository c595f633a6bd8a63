#include "core/engine/forget_paths.h"

#include <atomic>

#include "core/engine/copy_snapshot.h"
#include "core/engine/durable_capture.h"
#include "core/engine/packed_prune.h"
#include "core/engine/queue_upload.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

using Contents = std::map<std::string, std::string>;
using std::chrono::hours;

bool is_secret(std::string const& path) { return path.find("secret") != std::string::npos; }

// Two snapshots that hold secrets and one that does not, in this order.
struct Case {
  Machine machine;
  std::vector<std::pair<SnapshotId, Contents>> wanted;

  Case() {
    machine.config.layout = LayoutChoice::packed;
    machine.write("workspace/secrets/key.pem", "the key itself");
    machine.write("workspace/secret-\xff", "the other key");
    snapshot();
    machine.write("workspace/MEMORY.md", "# more\n");
    machine.write("workspace/secrets/second.pem", std::string(200'000, 'x'));
    snapshot();
    remove_secrets();
    snapshot();
  }

  void remove_secrets() {
    machine.remove("workspace/secrets");
    machine.remove("workspace/secret-\xff");
  }

  void snapshot() {
    SnapshotId const id = *machine.push_ok().snapshot;
    Contents contents = machine.contents(id);
    std::erase_if(contents, [](auto const& file) { return is_secret(file.first); });
    wanted.emplace_back(id, std::move(contents));
  }

  Result<ForgetReport> forget(bool dry_run = false, Store* store = nullptr, std::vector<std::string> paths = {"workspace/secrets", "workspace/secret-*"}) {
    auto context = machine.open(store);
    return forget_paths(context, {std::move(paths), dry_run});
  }

  ForgetReport forget_ok(bool dry_run = false) {
    auto report = forget(dry_run);
    if (!report) FAIL(report.error().text());
    return *report;
  }

  void check_forgotten() {
    for (auto const& [id, contents] : wanted) {
      INFO(id.text);
      CHECK(machine.contents(id) == contents);
    }
    CHECK(machine.hidden_versions() == 0);
    auto context = machine.open();
    for (ListedSnapshot const& listed : list_bucket(context, false).value().snapshots) CHECK(listed.problem.empty());
    auto const verified = verify(context, {});
    REQUIRE(verified);
    CHECK(verified->problems.empty());
  }

  bool record_names_it() {
    auto context = machine.open();
    Catalog catalog = Catalog::open(context.index->base_catalog_path()).value();
    bool any = false;
    REQUIRE(catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
      any = any || is_secret(row.entry.path);
      return {};
    }));
    return any;
  }

  void capture() {
    auto context = machine.open();
    machine.clock.advance(std::chrono::seconds(10));
    REQUIRE(capture_to_queue(context, {}));
  }
};

}  // namespace

TEST_CASE("forget: a path is taken out of all packed snapshots") {
  Case test;

  // First only the question.
  auto const keys = test.machine.keys();
  auto const would = test.forget_ok(true);
  CHECK(test.machine.keys() == keys);
  CHECK(test.machine.hidden_versions() == 0);
  CHECK(test.machine.contents(test.wanted[0].first).contains("workspace/secrets/key.pem"));

  auto const report = test.forget_ok();
  for (auto const* told : {&would, &report}) {
    REQUIRE(told->snapshots.size() == 2);
    CHECK(told->snapshots[0].snapshot == test.wanted[0].first.text);
    CHECK(told->snapshots[0].files == 2);
    CHECK(told->snapshots[0].entries == 3);  // the directory, too
    CHECK(told->snapshots[0].bytes == 27);
    CHECK(told->snapshots[1].files == 3);
    CHECK(told->paths == std::vector<std::string>{"workspace/secret-\\xff", "workspace/secrets", "workspace/secrets/key.pem", "workspace/secrets/second.pem"});
    CHECK(told->paths_total == 4);
    CHECK(told->problems.empty());
    CHECK(told->notes.empty());
  }
  test.check_forgotten();
  CHECK(test.forget().error().condition == Condition::not_found);
  // And the next push is none the wiser.
  test.machine.write("workspace/new", "new");
  CHECK(test.machine.contents(*test.machine.push_ok().snapshot).contains("workspace/new"));
  test.check_forgotten();
}

TEST_CASE("forget: of very many paths the first hundred are told") {
  Case test;
  for (int i = 0; i < 150; ++i) test.machine.write("workspace/secrets/" + std::to_string(1000 + i), std::to_string(i));
  test.machine.push_ok();
  auto const would = test.forget_ok(true);
  CHECK(would.paths.size() == 100);
  CHECK(would.paths_total == 154);
}

TEST_CASE("forget: wherever it dies, every snapshot is whole, and the next time does the rest") {
  for (std::uint64_t call = 1;; call += 4) {
    INFO("call " << call);
    Case test;
    std::atomic<bool> dead = false;  // calls come from several threads
    FaultPlan plan;
    plan.before = [&](std::uint64_t number, std::string_view, std::string const&) -> Result<void> {
      if (number >= call) dead = true;
      return dead ? Result<void>(make_error(Condition::unreachable, "this process is dead")) : Result<void>();
    };
    FaultStore faulty(*test.machine.memory, plan);
    auto const done = test.forget(false, &faulty);
    CHECK(done.has_value() == !dead);
    for (auto const& [id, contents] : test.wanted) {
      Contents found = test.machine.contents(id);
      std::erase_if(found, [](auto const& file) { return is_secret(file.first); });
      CHECK(found == contents);
    }
    auto context = test.machine.open();
    VerifyOptions options;
    options.read_data = true;
    auto const verified = verify(context, options);
    REQUIRE(verified);
    CHECK(verified->problems.empty());
    if (!dead) break;
    auto const again = test.forget();
    CHECK((again || again.error().condition == Condition::not_found));
    test.check_forgotten();
  }
}

TEST_CASE("forget: the record of the last snapshot does not name it any more, and no push takes it for a loss") {
  Case test;
  test.machine.write("workspace/secrets/third.pem", std::string(50'000, 'y'));
  test.snapshot();
  CHECK(test.record_names_it());
  auto const report = test.forget_ok();
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].find("workspace/secrets/third.pem is still on this machine") == 0);
  CHECK_FALSE(test.record_names_it());

  // The contents go with the prunes of the days that follow.
  std::vector<std::uint64_t> left;
  for (int i = 0; i < 3; ++i) {
    test.machine.clock.advance(hours(50));
    auto context = test.machine.open();
    PruneOptions options;
    options.on_request = true;
    auto const pruned = prune(context, options);
    REQUIRE(pruned);
    left.push_back(pruned->collected.packs_to_forget);
  }
  CHECK(left[0] > 0);
  CHECK(left[2] == 0);
  test.check_forgotten();

  // What is still there is stored again, as a new file.
  auto const pushed = test.machine.push_ok();
  CHECK(pushed.warnings.empty());
  CHECK(pushed.added == 1);
  CHECK(test.machine.contents(*pushed.snapshot).at("workspace/secrets/third.pem") == std::string(50'000, 'y'));
}

TEST_CASE("forget: the next prune collects, although the last one did a moment ago") {
  Case test;
  auto context = test.machine.open();
  REQUIRE(collect_repository(context, test.machine.clock.now()));
  CHECK_FALSE(collection_is_due(context, test.machine.clock.now()).value());
  test.forget_ok();
  CHECK(collection_is_due(context, test.machine.clock.now()).value());
}

TEST_CASE("forget: what waits on this machine") {
  Case test;
  SECTION("a capture that does not hold it is no obstacle") {
    test.machine.write("workspace/MEMORY.md", "# and more\n");
    test.capture();
    CHECK(test.forget_ok().problems.empty());
    test.check_forgotten();
  }
  SECTION("one that holds it is uploaded first") {
    test.machine.write("workspace/secrets/key.pem", "again");
    test.capture();
    CHECK(test.forget().error().condition == Condition::busy);
    CHECK(test.forget(true).has_value());
    auto context = test.machine.open();
    REQUIRE(upload_oldest(context));
    CHECK(test.forget_ok().snapshots.size() == 3);
  }
  SECTION("a safety snapshot, too") {
    test.machine.write("workspace/secrets/key.pem", "again");
    auto context = test.machine.open();
    auto const safety = take_safety_snapshot(context);
    REQUIRE(safety);
    auto const refused = test.forget();
    CHECK(refused.error().condition == Condition::busy);
    CHECK(refused.error().subject == safety->id.text);
    REQUIRE(upload_pending_safety(context, false));
    CHECK(test.forget_ok().snapshots.size() == 3);
  }
  SECTION("what comes while it is at work is named") {
    bool captured = false;
    FaultPlan plan;
    plan.before = [&](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
      if (verb != "put" || captured) return {};
      captured = true;
      test.machine.write("workspace/secrets/key.pem", "again");
      test.capture();
      return {};
    };
    FaultStore store(*test.machine.memory, plan);
    auto const report = test.forget(false, &store);
    REQUIRE(report);
    CHECK(captured);
    CHECK(report->snapshots.size() == 2);
    REQUIRE(report->problems.size() == 1);
    CHECK(report->problems[0].problem.find("waits on this machine") == 0);
  }
}

TEST_CASE("forget: snapshots in the plugin's layout are not written anew, and that is told") {
  Case test;
  SECTION("beside packed ones") {
    auto context = test.machine.open();
    REQUIRE(copy_snapshot(context, test.wanted[0].first, SnapshotLayout::packed, context, SnapshotLayout::plugin));
    REQUIRE(copy_snapshot(context, test.wanted[1].first, SnapshotLayout::packed, context, SnapshotLayout::plugin));
    REQUIRE(copy_snapshot(context, test.wanted[2].first, SnapshotLayout::packed, context, SnapshotLayout::plugin));
    auto const report = test.forget_ok();
    CHECK(report.snapshots.size() == 2);
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].problem.find("2 snapshots in the plugin's layout hold it") == 0);
    CHECK(report.problems[0].problem.find("--to-layout packed") != std::string::npos);
    CHECK(load_snapshot(context, test.wanted[0].first, test.machine.root(), SnapshotLayout::plugin)->catalog.find("workspace/secrets/key.pem").value());
    // Now only they do.
    CHECK(test.forget().error().condition == Condition::unsupported);
  }
}

TEST_CASE("forget: what it leaves alone, it names") {
  Case test;
  SECTION("a snapshot that would lose all its files") {
    auto const report = test.forget(false, nullptr, {"**"});
    REQUIRE(report);
    CHECK(report->snapshots.empty());
    CHECK(report->problems.size() == 3);
    CHECK(test.machine.contents(test.wanted[2].first) == test.wanted[2].second);
  }
  SECTION("one that cannot be read") {
    std::string const key = "openclaw-backup.repo/snapshots/" + test.wanted[0].first.text;
    REQUIRE(test.machine.memory->put(key, MemorySource("not a snapshot"), {}));
    auto const report = test.forget_ok();
    CHECK(report.snapshots.size() == 1);
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].snapshot == test.wanted[0].first.text);
  }
  SECTION("older versions, with a key that may not delete: once") {
    FaultPlan plan;
    plan.before = [](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
      return verb == "remove_versions" ? Result<void>(make_error(Condition::permission, "may not delete")) : Result<void>();
    };
    FaultStore store(*test.machine.memory, plan);
    auto const report = test.forget(false, &store);
    REQUIRE(report);
    CHECK(report->snapshots.size() == 2);
    REQUIRE(report->problems.size() == 1);
    CHECK(report->problems[0].problem.find("older versions of 2 snapshots") == 0);
    CHECK(test.machine.hidden_versions() == 2);
  }
  SECTION("a copy under another name") {
    test.machine.write("workspace/copy.pem", "the key itself");
    test.machine.write("workspace/secrets/key.pem", "the key itself");
    test.machine.push_ok();
    test.remove_secrets();
    for (bool const dry_run : {true, false}) {
      auto const report = test.forget_ok(dry_run);
      REQUIRE(report.notes.size() == 1);
      CHECK(report.notes[0].find("workspace/copy.pem in snapshot ") == 0);
    }
  }
  SECTION("no path at all, and a malformed one") {
    auto context = test.machine.open();
    CHECK(forget_paths(context, {}).error().condition == Condition::usage);
    CHECK(forget_paths(context, {{"a["}, false}).error().condition == Condition::usage);
  }
  SECTION("snapshots of another machine") {
    auto context = test.machine.open();
    context.instance.id = std::string(32, 'b');
    CHECK(forget_paths(context, {{"workspace/secrets"}, false}).error().condition == Condition::refused);
    CHECK(forget_paths(context, {{"workspace/secrets"}, true}).value().notes.size() == 1);
  }
}
