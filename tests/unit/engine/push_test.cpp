#include "core/engine/push.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "core/sqlite/sqlite.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

// The machine's clock stands far from the files' real times, so "settled" is decided by the wall clock of the test run: move
// the machine's clock to just after now.
void use_present_time(Machine& machine, std::chrono::seconds ahead = std::chrono::seconds(30)) {
  machine.clock.set_wall(system_clock().now() + ahead);
}

}  // namespace

TEST_CASE("push: every snapshot is complete by itself (FACTS 1.1)") {
  Machine machine;
  use_present_time(machine);
  auto const first = machine.push_ok();
  REQUIRE(first.snapshot);
  CHECK(first.added == 3);
  CHECK(first.complete);
  machine.write("workspace/MEMORY.md", "# memory, changed\n");
  use_present_time(machine, std::chrono::seconds(60));
  auto const second = machine.push_ok();
  REQUIRE(second.snapshot);
  CHECK(second.changed == 1);
  CHECK(second.added == 0);
  // The first one goes, with all its objects; the second still restores.
  std::vector<ObjectVersion> gone;
  for (std::string const& key : machine.keys(layout::snapshot_prefix(machine.config.prefix, *first.snapshot)))
    REQUIRE(remove_all(*machine.memory, key, {}));
  auto const contents = machine.contents(*second.snapshot);
  CHECK(contents.size() == 3);
  CHECK(contents.at("workspace/MEMORY.md") == "# memory, changed\n");
  CHECK(contents.at("agents/main/sessions/a.jsonl") == "{\"n\":1}\n");
}

TEST_CASE("push: nothing changed costs at most 3 requests and reads no body") {
  Machine machine;
  use_present_time(machine);
  REQUIRE(machine.push_ok().snapshot);
  // A body that cannot be opened would be noticed if it were read.
  std::size_t const objects = machine.keys().size();
  auto const again = machine.push_ok();
  CHECK(again.unchanged);
  CHECK_FALSE(again.snapshot);
  CHECK(again.requests <= 3);
  CHECK(again.bytes_uploaded == 0);
  CHECK(machine.keys().size() == objects);
}

TEST_CASE("push: an emptied bucket is noticed and filled again (FACTS 1.10)") {
  Machine machine;
  use_present_time(machine);
  REQUIRE(machine.push_ok().snapshot);
  for (std::string const& key : machine.keys()) REQUIRE(remove_all(*machine.memory, key, {}));
  auto const again = machine.push_ok();
  REQUIRE(again.snapshot);
  REQUIRE_FALSE(again.warnings.empty());
  CHECK(again.warnings.front().find("no longer in") != std::string::npos);
  CHECK(machine.contents(*again.snapshot).size() == 3);
}

TEST_CASE("push: bodies that vanished from the last snapshot are found by the daily check") {
  Machine machine;
  use_present_time(machine);
  auto const first = machine.push_ok();
  REQUIRE(remove_all(*machine.memory, layout::snapshot_prefix(machine.config.prefix, *first.snapshot) + "workspace/MEMORY.md", {}));
  machine.clock.advance(std::chrono::hours(25));
  auto const again = machine.push_ok();
  REQUIRE(again.snapshot);
  CHECK(machine.contents(*again.snapshot).size() == 3);
}

TEST_CASE("push: a file changed twice within one second at the same size is in the next snapshot") {
  Machine machine;
  // No waiting in between: both changes fall into the clock's grain of the first capture.
  machine.clock.set_wall(system_clock().now());
  machine.write("workspace/note.md", "one");
  REQUIRE(machine.push_ok().snapshot);
  machine.write("workspace/note.md", "two");
  auto const second = machine.push_ok();
  REQUIRE(second.snapshot);
  CHECK(machine.contents(*second.snapshot).at("workspace/note.md") == "two");
}

TEST_CASE("push: large unchanged and moved bodies are copied inside the store") {
  Machine machine;
  std::string const large(300'000, 'L');
  machine.write("workspace/large.bin", large);
  use_present_time(machine);
  REQUIRE(machine.push_ok().bytes_uploaded > 300'000);
  std::filesystem::rename(machine.path("workspace/large.bin"), machine.path("workspace/moved.bin"));
  auto const second = machine.push_ok();
  REQUIRE(second.snapshot);
  CHECK(second.bytes_uploaded < 10'000);
  CHECK(machine.contents(*second.snapshot).at("workspace/moved.bin") == large);
}

TEST_CASE("push: a copy whose source is gone is uploaded instead") {
  Machine machine;
  machine.write("workspace/large.bin", std::string(300'000, 'L'));
  use_present_time(machine);
  auto const first = machine.push_ok();
  REQUIRE(remove_all(*machine.memory, layout::snapshot_prefix(machine.config.prefix, *first.snapshot) + "workspace/large.bin", {}));
  machine.write("workspace/MEMORY.md", "changed");
  auto const second = machine.push_ok();
  REQUIRE(second.snapshot);
  CHECK(second.complete);
  CHECK(machine.contents(*second.snapshot).at("workspace/large.bin").size() == 300'000);
}

TEST_CASE("push: with another key everything is written anew") {
  Machine machine;
  machine.write("workspace/large.bin", std::string(300'000, 'L'));
  use_present_time(machine);
  REQUIRE(machine.push_ok().snapshot);
  machine.config.encryption_key = Secret("another key");
  auto const second = machine.push_ok();
  REQUIRE(second.snapshot);
  CHECK(second.bytes_uploaded > 300'000);
  CHECK(machine.contents(*second.snapshot).size() == 4);
  REQUIRE(second.warnings.size() == 1);
  CHECK(second.warnings.front().find("decryptionKeys") != std::string::npos);
  machine.write("workspace/new.md", "new");
  CHECK(machine.push_ok().warnings.empty());
}

TEST_CASE("push: a changed passphrase whose former one is kept is nothing to warn of") {
  Machine machine;
  use_present_time(machine);
  REQUIRE(machine.push_ok().snapshot);
  machine.config.decryption_keys.push_back(machine.config.encryption_key);
  machine.config.encryption_key = Secret("another key");
  auto const second = machine.push_ok();
  REQUIRE(second.snapshot);
  CHECK(second.warnings.empty());
}

TEST_CASE("push: an interrupted push goes on under its id, without sending bodies again") {
  Machine machine;
  for (int i = 0; i < 200; ++i) machine.write("workspace/f" + std::to_string(i), "body " + std::to_string(i));
  use_present_time(machine);
  FaultPlan plan;
  plan.vanish_after_puts = 150;
  FaultStore dying(*machine.memory, plan);
  {
    auto context = machine.open(&dying);
    auto const failed = push(context, PushOptions{});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().condition == Condition::unreachable);
  }
  auto const before = machine.keys();
  CHECK(before.size() == 150);
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  CHECK(before.front().find(report.snapshot->text) != std::string::npos);
  CHECK(machine.contents(*report.snapshot).size() == 203);
  CHECK(machine.hidden_versions() == 0);
  CHECK(report.bytes_uploaded < 60 * 80);
}

TEST_CASE("push: nothing new, it still ends a prune that died half-way") {
  Machine machine;
  machine.config.keep_snapshots = 1;
  machine.push_ok();
  machine.write("workspace/MEMORY.md", "more\n");
  FaultPlan plan;
  bool deleting = false;
  plan.before = [&](std::uint64_t, std::string_view operation, std::string const&) -> Result<void> {
    if (deleting) return make_error(Condition::unreachable, "gone");
    deleting = operation == "remove_versions";  // the manifest goes, and then the store
    return {};
  };
  FaultStore dying(*machine.memory, plan);
  machine.clock.advance(std::chrono::seconds(10));
  {
    auto context = machine.open(&dying);
    REQUIRE(push(context, PushOptions{}).value().warnings.size() == 1);
  }
  auto const unfinished = [&] {
    auto context = machine.open();
    auto const listing = list_bucket(context, true).value();
    return std::count_if(listing.snapshots.begin(), listing.snapshots.end(), [](auto const& listed) { return !listed.has_manifest; });
  };
  REQUIRE(unfinished() == 1);
  CHECK(machine.push_ok().unchanged);
  CHECK(unfinished() == 0);
}

TEST_CASE("push: what an interrupted push stored and the file no longer holds does not stay") {
  Machine machine;
  for (int i = 0; i < 100; ++i) machine.write("workspace/f" + std::to_string(i), "body " + std::to_string(i));
  use_present_time(machine);
  FaultPlan plan;
  plan.vanish_after_puts = 80;
  FaultStore dying(*machine.memory, plan);
  {
    auto context = machine.open(&dying);
    REQUIRE_FALSE(push(context, PushOptions{}));
  }
  for (int i = 0; i < 50; ++i) machine.remove("workspace/f" + std::to_string(i));
  for (int i = 50; i < 100; ++i) machine.write("workspace/f" + std::to_string(i), "other " + std::to_string(i));
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  auto const contents = machine.contents(*report.snapshot);
  CHECK(contents.size() == 53);
  CHECK(contents.at("workspace/f70") == "other 70");
  CHECK(machine.keys().size() == 54);
  CHECK(machine.hidden_versions() == 0);
}

TEST_CASE("push: a crash after the manifest leaves a snapshot and no doubt") {
  Machine machine;
  use_present_time(machine);
  FaultPlan plan;
  std::atomic<bool> manifest_written = false;
  plan.before = [&](std::uint64_t, std::string_view, std::string const& subject) -> Result<void> {
    if (manifest_written) return make_error(Condition::unreachable, "gone");
    if (subject.ends_with("/manifest.json")) manifest_written = true;
    return {};
  };
  // head of no base, … put manifest, then flush fails
  FaultStore dying(*machine.memory, plan);
  {
    auto context = machine.open(&dying);
    REQUIRE_FALSE(push(context, PushOptions{}));
  }
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  auto context = machine.open();
  auto const listing = list_bucket(context, true);
  REQUIRE(listing);
  for (auto const& snapshot : listing->snapshots) CHECK(snapshot.has_manifest);
  CHECK(machine.contents(*report.snapshot).size() == 3);
}

TEST_CASE("push: killed right after the manifest, the snapshot is adopted and nothing is sent twice") {
  Machine machine;
  use_present_time(machine);
  auto const first = machine.push_ok();
  REQUIRE(first.snapshot);
  std::string data;
  {
    // As it lies there then: the record under the name it was made with, and the push still under way.
    auto context = machine.open();
    data = context.instance.data_dir;
    REQUIRE(std::rename((data + "/base.sqlite").c_str(), (data + "/scan.sqlite").c_str()) == 0);
    PendingPush pending;
    pending.id = first.snapshot->text;
    pending.target = target_name(context);
    pending.started_ns = context.clock->now().time_since_epoch().count();
    pending.salt_hex = std::string(32, '0');
    REQUIRE(context.index->begin_push(pending));
  }
  std::size_t const objects = machine.keys().size();
  auto const again = machine.push_ok();
  CHECK(again.unchanged);
  CHECK(machine.keys().size() == objects);
  CHECK_FALSE(path_exists(data + "/scan.sqlite"));
  CHECK_FALSE(*machine.open().index->pending_push());
  machine.write("workspace/MEMORY.md", "changed\n");
  auto const next = machine.push_ok();
  REQUIRE(next.snapshot);
  CHECK(next.changed == 1);
}

TEST_CASE("push: more than half of the files gone pauses pruning until a person says so") {
  Machine machine;
  machine.config.keep_snapshots = 1;
  for (int i = 0; i < 20; ++i) machine.write("workspace/f" + std::to_string(i), "x");
  use_present_time(machine);
  auto const full = machine.push_ok();
  std::filesystem::remove_all(machine.path("workspace"));
  auto const emptied = machine.push_ok();
  REQUIRE(emptied.snapshot);
  CHECK(emptied.vanished_alarm);
  machine.write("workspace/new", "y");
  auto const later = machine.push_ok();
  REQUIRE(later.snapshot);
  CHECK(machine.contents(*full.snapshot).size() == 23);  // still there, although one snapshot is to be kept
  auto context = machine.open();
  PruneOptions confirmed;
  confirmed.confirmed = true;
  auto const pruned = prune(context, confirmed);
  REQUIRE(pruned);
  CHECK(pruned->removed.size() == 2);
}

TEST_CASE("push: a source file named like our manifest is kept under another key") {
  Machine machine;
  machine.config.include = {"manifest.json"};
  machine.write("manifest.json", "mine");
  use_present_time(machine);
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  CHECK(machine.contents(*report.snapshot).at("manifest.json") == "mine");
}

TEST_CASE("push: names that B2 refuses are kept all the same") {
  Machine machine;
  machine.write("workspace/line\nbreak", "a");
  machine.write("workspace/not-utf8-\xff", "b");
  machine.write("workspace/" + std::string(255, 'n'), "c");
  machine.write("workspace/back\\slash", "d");
  use_present_time(machine);
  auto const report = machine.push_ok();
  REQUIRE(report.complete);
  auto const contents = machine.contents(*report.snapshot);
  CHECK(contents.at("workspace/line\nbreak") == "a");
  CHECK(contents.at("workspace/not-utf8-\xff") == "b");
  CHECK(contents.at("workspace/" + std::string(255, 'n')) == "c");
  CHECK(contents.at("workspace/back\\slash") == "d");
}

TEST_CASE("push: a second job on the same state is refused while the first runs") {
  Machine machine;
  use_present_time(machine);
  std::optional<Result<PushReport>> inner;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    if (verb == "put" && !inner) {
      auto second = machine.open();
      inner = push(second, PushOptions{});
    }
    return {};
  };
  machine.memory->counters();
  FaultStore slow(*machine.memory, plan);
  // One thread calls at a time here: the hook runs on whichever transfer comes first.
  auto context = machine.open(&slow);
  context.config.limits.transfers = 1;
  machine.remove("workspace");
  machine.remove("agents");
  REQUIRE(push(context, PushOptions{}));
  REQUIRE(inner);
  REQUIRE_FALSE(*inner);
  CHECK(inner->error().condition == Condition::busy);
}

TEST_CASE("push: dry runs at the same time do not meet") {
  Machine machine;
  for (int i = 0; i < 200; ++i) machine.write("workspace/" + std::to_string(i), "x");
  use_present_time(machine);
  machine.push_ok();
  auto context = machine.open();
  std::atomic<int> wrong = 0;
  auto const ask = [&] {
    EngineContext own = context;
    own.progress = std::make_shared<Progress>();
    PushOptions options;
    options.dry_run = true;
    for (int i = 0; i < 25; ++i) {
      auto const report = push(own, options);
      if (!report || !report->unchanged) ++wrong;
    }
  };
  {
    std::jthread const first(ask), second(ask), third(ask);
  }
  CHECK(wrong == 0);
}

TEST_CASE("push: a dry run sends and keeps nothing") {
  Machine machine;
  use_present_time(machine);
  auto context = machine.open();
  PushOptions options;
  options.dry_run = true;
  auto const report = push(context, options);
  REQUIRE(report);
  CHECK(report->changed == 3);
  CHECK(machine.keys().empty());
  CHECK_FALSE(path_exists(context.index->base_catalog_path()));
}

TEST_CASE("push: without encryption bodies are plain and the digest needs no key") {
  Machine machine;
  machine.config.encrypt = false;
  machine.config.encryption_key = Secret();
  machine.write("workspace/tricky.bin", "B2EN" + std::string(100, 'x'));  // FACTS 1.4
  use_present_time(machine);
  auto const report = machine.push_ok();
  REQUIRE(report.snapshot);
  CHECK(machine.contents(*report.snapshot).at("workspace/tricky.bin") == "B2EN" + std::string(100, 'x'));
}

TEST_CASE("push: stopped half-way it says so and the next one completes") {
  Machine machine;
  for (int i = 0; i < 50; ++i) machine.write("workspace/f" + std::to_string(i), "body");
  use_present_time(machine);
  std::stop_source stop;
  FaultPlan plan;
  plan.before = [&](std::uint64_t number, std::string_view, std::string const&) -> Result<void> {
    if (number == 20) stop.request_stop();
    return {};
  };
  FaultStore store(*machine.memory, plan);
  auto context = machine.open(&store);
  context.stop = stop.get_token();
  auto const stopped = push(context, PushOptions{});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().condition == Condition::cancelled);
  CHECK(machine.contents(*machine.push_ok().snapshot).size() == 53);
}

namespace {

// A database in WAL mode with some pages, of which the middle ones are overwritten.
void make_damaged_database(Machine& machine, std::string const& name) {
  machine.write(name, "");
  machine.remove(name);
  {
    auto database = sqlite::Database::open(machine.path(name), sqlite::OpenMode::create).value();
    REQUIRE(database.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, text);"
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
                             "INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;"));
  }
  std::string bytes = read_file(machine.path(name), 10 << 20).value();
  REQUIRE(bytes.size() > 12 * 4096);
  for (std::size_t page = 3; page < 12; ++page) bytes[page * 4096] ^= 0x5a;
  machine.write(name, bytes);
}

}  // namespace

TEST_CASE("push: a damaged database makes a snapshot incomplete, and an idle push after it is idle") {
  Machine machine;
  machine.clock.set_wall(system_clock().now() + std::chrono::seconds(30));
  auto const whole = machine.push_ok();
  CHECK(whole.complete);
  std::string const name = "agents/main/agent/openclaw-agent.sqlite";
  make_damaged_database(machine, name);
  bool const with_wal = GENERATE(false, true);
  if (with_wal) machine.write(name + "-wal", "");
  CAPTURE(with_wal);

  auto const hurt = machine.push_ok();
  REQUIRE(hurt.snapshot);
  CHECK_FALSE(hurt.complete);
  REQUIRE(hurt.skipped.size() == 1);
  CHECK(hurt.skipped[0].path == name);
  CHECK(hurt.skipped[0].detail.find("is damaged") != std::string::npos);
  {
    auto context = machine.open();
    std::vector<std::string> notes;
    auto const latest = resolve_snapshot(context, "latest", notes);
    REQUIRE(latest);
    CHECK(latest->text == whole.snapshot->text);
  }

  auto const idle = machine.push_ok();
  CHECK(idle.unchanged);
  CHECK(idle.deleted == 0);
  CHECK_FALSE(idle.complete);

  // Its body comes along from the last snapshot, and the snapshot is as incomplete as that.
  machine.write("workspace/MEMORY.md", "# more\n");
  auto const next = machine.push_ok();
  REQUIRE(next.snapshot);
  CHECK_FALSE(next.complete);
  CHECK(next.skipped.size() == 1);
  auto const contents = machine.contents(*next.snapshot);
  CHECK(contents.at(name) == read_file(machine.path(name), 10 << 20).value());
  CHECK(contents.contains(name + "-wal") == with_wal);

  machine.remove(name);
  machine.remove(name + "-wal");
  auto const healed = machine.push_ok();
  CHECK(healed.complete);
  CHECK(healed.deleted == (with_wal ? 2 : 1));
}

TEST_CASE("safety: captured here, uploaded when it is asked for or with the next push") {
  Machine machine;
  use_present_time(machine);
  SECTION("the store is there") {
    auto context = machine.open();
    auto const report = take_safety_snapshot(context);
    REQUIRE(report);
    CHECK(machine.keys().empty());
    CHECK(waiting_safeties(context).value().size() == 1);
    CHECK(upload_pending_safety(context, false).value() == 1);
    CHECK(waiting_safeties(context).value().empty());
    CHECK(report->id.kind == SnapshotKind::safety);
    CHECK(machine.contents(report->id).size() == 3);
  }
  SECTION("the store is away") {
    FaultPlan plan;
    plan.vanish_after_puts = 0;
    FaultStore away(*machine.memory, plan);
    auto context = machine.open(&away);
    auto const report = take_safety_snapshot(context);
    REQUIRE(report);
    CHECK_FALSE(upload_pending_safety(context, false));
    CHECK(machine.keys().empty());
    machine.write("workspace/MEMORY.md", "after");
    machine.push_ok();
    CHECK(machine.contents(report->id).at("workspace/MEMORY.md") == "# memory\n");
  }
  SECTION("the store goes away half-way") {
    FaultPlan plan;
    plan.vanish_after_puts = 2;
    FaultStore away(*machine.memory, plan);
    auto context = machine.open(&away);
    auto const report = take_safety_snapshot(context);
    REQUIRE(report);
    CHECK_FALSE(upload_pending_safety(context, false));
    machine.push_ok();
    CHECK(machine.contents(report->id).size() == 3);
    CHECK(machine.hidden_versions() == 0);
  }
}

TEST_CASE("a file with too many extended attributes is backed up without some of them, and counted each time") {
  auto const place = TemporaryDirectory::create("/dev/shm", "b2b-engine-").value();
  Machine machine;
  use_present_time(machine);
  machine.config.state_dir = place.path() + "/state";
  machine.write("openclaw.json", "{}");
  machine.write("workspace/fat.md", "content");
  std::string const value(60'000, 'x');
  for (char c = 'a'; c <= 'z'; ++c) {
    std::string const name = std::string("user.") + c;
    if (::setxattr(machine.path("workspace/fat.md").c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    WARN("no room for large extended attributes in /dev/shm: " << std::strerror(errno));
    return;
  }
  auto const report = machine.push_ok();
  CHECK_FALSE(report.complete);
  REQUIRE(report.skipped.size() == 1);
  CHECK(report.skipped[0].path == "workspace/fat.md");
  CHECK(machine.contents(*report.snapshot).at("workspace/fat.md") == "content");
  auto const again = machine.push_ok();  // nothing was captured: the scan alone tells
  CHECK(again.unchanged);
  CHECK_FALSE(again.complete);
  CHECK(again.skipped.size() == 1);
  REQUIRE(::removexattr(machine.path("workspace/fat.md").c_str(), "user.a") == 0);
  for (char c = 'k'; c <= 'z'; ++c)
    REQUIRE(::removexattr(machine.path("workspace/fat.md").c_str(), (std::string("user.") + c).c_str()) == 0);
  auto const slim = machine.push_ok();
  CHECK(slim.complete);
  CHECK(slim.snapshot);
}

TEST_CASE("push: what is captured later has the later id, also after the clock was set back") {
  using namespace std::chrono_literals;
  Machine machine;
  use_present_time(machine);
  auto const first = machine.push_ok();
  TimePoint const now = machine.clock.now();
  auto const pushed_at = [&](TimePoint when, std::string const& text) {
    machine.clock.set_wall(when);
    machine.write("workspace/MEMORY.md", text);
    auto const report = machine.push_ok();
    REQUIRE(report.snapshot);
    CHECK(machine.contents(*report.snapshot).at("workspace/MEMORY.md") == text);
    return *report.snapshot;
  };
  auto const milliseconds = [&] { return std::chrono::floor<std::chrono::milliseconds>(machine.clock.now()); };
  auto const back = pushed_at(now - 3h, "three hours back\n");
  CHECK(back.time == first.snapshot->time + 1ms);
  auto const right = pushed_at(now + 1h, "right again\n");
  CHECK(right.time == milliseconds());
  // Further than a day the ids do not follow: the ones that lie so far ahead were the mistake.
  auto const far_back = pushed_at(now - 48h, "two days back\n");
  CHECK(far_back.time == milliseconds());
}
