#include "core/engine/queue.h"

#include <algorithm>

#include "core/engine/durable_capture.h"
#include "core/engine/queue_upload.h"
#include "core/sqlite/sqlite.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

using Contents = std::map<std::string, std::string>;

void use_present_time(Machine& machine, int ahead_seconds) {
  machine.clock.set_wall(system_clock().now() + std::chrono::seconds(ahead_seconds));
}

// A machine with one snapshot in the store, and bodies of both kinds: sent again and copied.
struct Prepared : Machine {
  Prepared() {
    use_present_time(*this, 30);
    write("workspace/large.bin", std::string(300 << 10, 'L'));
    first = *push_ok().snapshot;
  }
  PushReport capture_ok(Trigger trigger = Trigger::compaction, std::function<void(PushReport const&)> durable = {}) {
    clock.advance(std::chrono::seconds(10));
    auto context = open();
    CaptureOrder order;
    order.trigger = trigger;
    order.durable = std::move(durable);
    auto report = capture_to_queue(context, order);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    return *report;
  }
  Result<std::optional<PushReport>> upload(Store* store = nullptr) {
    auto context = open(store);
    auto const lock = UploadLock::acquire(context, "test");
    REQUIRE(lock);
    return upload_oldest(context);
  }
  PushReport upload_ok() {
    auto report = upload();
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    REQUIRE(*report);
    return **report;
  }
  std::vector<QueuedCapture> queue() {
    auto const listed = list_queue(open());
    REQUIRE(listed);
    return *listed;
  }
  SnapshotId first;
};

bool any_file_contains(std::string const& folder, std::string const& text) {
  for (auto const& item : std::filesystem::recursive_directory_iterator(folder)) {
    if (!item.is_regular_file()) continue;
    if (read_file(item.path().string(), 1 << 30).value().find(text) != std::string::npos) return true;
  }
  return false;
}

void make_database(std::string const& path, std::string const& more) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  auto database = sqlite::Database::open(path, sqlite::OpenMode::create).value();
  REQUIRE(database.execute("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS session(id INTEGER PRIMARY KEY, text);"
                           "CREATE TABLE IF NOT EXISTS auth_profile_store(id INTEGER PRIMARY KEY, secret);" + more));
}

}  // namespace

TEST_CASE("queue: a damaged database makes the snapshot incomplete, and is captured once") {
  Prepared machine;
  std::string const name = "agents/main/agent/openclaw-agent.sqlite";
  make_database(machine.path(name),
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                "INSERT INTO session(text) SELECT hex(randomblob(100)) FROM n;");
  std::string bytes = read_file(machine.path(name), 10 << 20).value();
  for (std::size_t page = 5; page < 40; ++page) bytes[page * 4096] ^= 0x5a;
  machine.write(name, bytes);

  machine.capture_ok(Trigger::compaction, [](PushReport const&) {});
  REQUIRE(machine.queue().size() == 1);
  REQUIRE(machine.queue()[0].skipped.size() == 1);
  CHECK(machine.queue()[0].skipped[0].reason == SkipReason::damaged);
  auto const idle = machine.capture_ok(Trigger::compaction, [](PushReport const&) {});
  CHECK(idle.unchanged);
  CHECK(machine.queue().size() == 1);

  machine.write("workspace/MEMORY.md", "# more\n");
  machine.capture_ok(Trigger::compaction, [](PushReport const&) {});
  for (int upload = 0; upload < 2; ++upload) {
    auto const report = machine.upload_ok();
    CHECK_FALSE(report.complete);
    REQUIRE(report.skipped.size() == 1);
    CHECK(report.skipped[0].path == name);
    CHECK(machine.contents(*report.snapshot).contains(name));
  }
}

TEST_CASE("queue: a snapshot is what was captured, whatever happens to the files before its upload") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "version 1\n");
  auto const captured = machine.capture_ok();
  REQUIRE(captured.snapshot);
  CHECK(captured.changed == 1);
  CHECK(machine.keys(layout::snapshot_prefix(machine.config.prefix, *captured.snapshot)).empty());
  auto const live = machine.contents(machine.first);
  machine.write("workspace/MEMORY.md", "version 2\n");
  machine.write("openclaw.json", "{\"later\":true}");       // unchanged at the capture, another content now
  machine.remove("agents/main/sessions/a.jsonl");            // unchanged at the capture, gone now
  machine.write("workspace/later.md", "not there yet\n");

  auto const uploaded = machine.upload_ok();
  CHECK(uploaded.snapshot->text == captured.snapshot->text);
  CHECK(uploaded.complete);
  CHECK(machine.queue().empty());
  Contents wanted = live;
  wanted["workspace/MEMORY.md"] = "version 1\n";
  CHECK(machine.contents(*captured.snapshot) == wanted);
  auto context = machine.open();
  auto const listing = list_bucket(context, true);
  REQUIRE(listing);
  REQUIRE(listing->snapshots.size() == 2);
  CHECK(listing->snapshots[1].info.trigger == Trigger::compaction);
  CHECK(listing->snapshots[1].info.complete);
  CHECK(machine.hidden_versions() == 0);

  // The next push builds on it.
  auto const next = machine.push_ok();
  REQUIRE(next.snapshot);
  CHECK(next.changed == 2);
  CHECK(next.added == 1);
  CHECK(next.deleted == 1);
}

TEST_CASE("queue: captures made while the store is away arrive in order, each with its own moment") {
  Prepared machine;
  std::vector<SnapshotId> ids;
  std::vector<Contents> wanted;
  Contents now = machine.contents(machine.first);
  for (int i = 0; i < 4; ++i) {
    std::string const text = "version " + std::to_string(i) + "\n";
    machine.write("workspace/MEMORY.md", text);
    machine.write("workspace/n" + std::to_string(i), text);
    now["workspace/MEMORY.md"] = text;
    now["workspace/n" + std::to_string(i)] = text;
    ids.push_back(*machine.capture_ok(i % 2 == 0 ? Trigger::compaction : Trigger::schedule).snapshot);
    wanted.push_back(now);
  }
  REQUIRE(machine.queue().size() == 4);
  FaultPlan plan;
  plan.vanish_after_puts = 0;
  FaultStore away(*machine.memory, plan);
  CHECK(machine.upload(&away).error().condition == Condition::unreachable);
  CHECK(machine.queue().size() == 4);
  for (SnapshotId const& id : ids) CHECK(machine.upload_ok().snapshot->text == id.text);
  CHECK_FALSE(*machine.upload());
  for (std::size_t i = 0; i < ids.size(); ++i) CHECK(machine.contents(ids[i]) == wanted[i]);
}

TEST_CASE("queue: an upload that fails at any call is taken up again") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "version 1\n");
  machine.write("workspace/new.md", "new\n");
  auto const id = *machine.capture_ok().snapshot;
  Contents wanted = machine.contents(machine.first);
  wanted["workspace/MEMORY.md"] = "version 1\n";
  wanted["workspace/new.md"] = "new\n";
  std::uint64_t failures = 0;
  for (std::uint64_t call = 1;; ++call) {
    FaultPlan plan;
    plan.fail_call = call;
    plan.answer_lost_probability = call % 2 == 0 ? 1 : 0;
    FaultStore store(*machine.memory, plan);
    auto const uploaded = machine.upload(&store);
    if (uploaded && *uploaded) break;
    if (uploaded) {  // the manifest had arrived although its answer was lost
      CHECK(failures > 3);
      break;
    }
    ++failures;
    REQUIRE(call < 100);
  }
  CHECK(failures > 3);
  CHECK(machine.queue().empty());
  CHECK(machine.contents(id) == wanted);
  CHECK(machine.hidden_versions() == 0);
  auto const next = machine.push_ok();
  CHECK(next.unchanged);
}

TEST_CASE("queue: a crash after the manifest is noticed, and nothing is sent twice") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "version 1\n");
  auto const id = *machine.capture_ok().snapshot;
  std::string const folder = machine.queue().front().folder;
  std::filesystem::copy(folder, machine.root() + "/kept", std::filesystem::copy_options::recursive);
  machine.upload_ok();
  std::filesystem::copy(machine.root() + "/kept", folder, std::filesystem::copy_options::recursive);
  std::size_t const objects = machine.keys().size();
  auto const again = machine.upload_ok();
  CHECK(again.snapshot->text == id.text);
  CHECK(again.bytes_uploaded == 0);
  CHECK(machine.keys().size() == objects);
  CHECK(machine.queue().empty());
  CHECK(machine.push_ok().unchanged);
}

TEST_CASE("queue: databases are copied first and checked later, and keep no secret in the queue") {
  Prepared machine;
  std::string const path = machine.path("agents/main/agent/openclaw-agent.sqlite");
  std::string const secret = "sk-PLANTED-SECRET-0123456789";
  make_database(path, "INSERT INTO auth_profile_store(secret) VALUES('" + secret + "');"
                      "INSERT INTO session(text) VALUES('before');");
  bool answered = false;
  auto const captured = machine.capture_ok(Trigger::compaction, [&](PushReport const& report) {
    answered = report.snapshot.has_value();
    REQUIRE(machine.queue().size() == 1);
    CHECK_FALSE(machine.queue().front().checked);
    CHECK(machine.upload().error().condition == Condition::busy);
    make_database(path, "INSERT INTO session(text) VALUES('after');");
  });
  CHECK(answered);
  REQUIRE(captured.snapshot);
  CHECK(machine.queue().front().checked);
  CHECK_FALSE(any_file_contains(machine.config.data_dir, secret));
  machine.upload_ok();
  auto const contents = machine.contents(*captured.snapshot);
  std::string const copy = machine.root() + "/copy.sqlite";
  REQUIRE(atomic_write_file(copy, contents.at("agents/main/agent/openclaw-agent.sqlite")));
  auto database = sqlite::Database::open(copy, sqlite::OpenMode::read_only).value();
  CHECK(*database.query_int("SELECT count(*) FROM session") == 1);
  CHECK(*database.query_int("SELECT count(*) FROM auth_profile_store") == 0);
}

TEST_CASE("queue: a capture left unchecked by a crash is checked before its upload") {
  Prepared machine;
  make_database(machine.path("agents/main/agent/openclaw-agent.sqlite"),
                "INSERT INTO auth_profile_store(secret) VALUES('sk-PLANTED-SECRET');");
  std::string const kept = machine.root() + "/kept";
  auto const captured = machine.capture_ok(Trigger::compaction, [&](PushReport const&) {
    std::filesystem::copy(machine.queue().front().folder, kept, std::filesystem::copy_options::recursive);
  });
  std::string const folder = machine.queue().front().folder;
  std::filesystem::remove_all(folder);
  std::filesystem::rename(kept, folder);  // as it was when the crash came
  REQUIRE_FALSE(machine.queue().front().checked);
  SECTION("by the next capture") {
    machine.write("workspace/MEMORY.md", "next\n");
    machine.capture_ok();
  }
  SECTION("by a push") { machine.push_ok(); }
  while (*machine.upload()) {
  }
  std::string const body = machine.contents(*captured.snapshot).at("agents/main/agent/openclaw-agent.sqlite");
  CHECK(body.find("sk-PLANTED-SECRET") == std::string::npos);
  CHECK_FALSE(any_file_contains(machine.config.data_dir, "sk-PLANTED-SECRET"));
}

TEST_CASE("queue: nothing changed means no capture; a file that cannot be read makes it incomplete") {
  Prepared machine;
  auto const same = machine.capture_ok(Trigger::schedule);
  CHECK(same.unchanged);
  CHECK_FALSE(same.snapshot);
  CHECK(machine.queue().empty());
}

TEST_CASE("queue: full means refused, aloud, and what waits is kept") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", std::string(1000, 'x'));
  auto const kept = machine.capture_ok();
  machine.write("workspace/other.bin", std::string(5000, 'y'));
  auto context = machine.open();
  CaptureOrder order;
  order.queue_limit_bytes = 5500;
  auto const refused = capture_to_queue(context, order);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::no_space);
  CHECK(refused.error().message.find("wait for their upload") != std::string::npos);
  CHECK_FALSE(refused.error().retryable);
  REQUIRE(machine.queue().size() == 1);
  CHECK(machine.queue().front().id.text == kept.snapshot->text);
  // Too large for the queue even when it is empty: the caller pushes instead.
  machine.upload_ok();
  order.queue_limit_bytes = 100;
  auto const alone = capture_to_queue(context, order);
  REQUIRE_FALSE(alone);
  CHECK(alone.error().retryable);
}

TEST_CASE("queue: without a record to build on it says that a push is needed") {
  Machine machine;
  auto context = machine.open();
  auto const refused = capture_to_queue(context, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().retryable);
}

TEST_CASE("queue: a push uploads what waits before its own snapshot") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "captured\n");
  auto const waiting = *machine.capture_ok().snapshot;
  machine.write("workspace/MEMORY.md", "pushed\n");
  auto const pushed = machine.push_ok();
  REQUIRE(pushed.snapshot);
  CHECK(id_before(waiting, *pushed.snapshot));
  CHECK(machine.contents(waiting).at("workspace/MEMORY.md") == "captured\n");
  CHECK(machine.contents(*pushed.snapshot).at("workspace/MEMORY.md") == "pushed\n");
}

TEST_CASE("queue: a store that lost the last snapshot gets everything again") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "captured\n");
  auto const waiting = *machine.capture_ok().snapshot;
  for (std::string const& key : machine.keys()) REQUIRE(remove_all(*machine.memory, key, {}));
  auto const uploaded = machine.upload_ok();
  CHECK(uploaded.complete);
  CHECK_FALSE(uploaded.warnings.empty());
  CHECK(machine.contents(waiting).at("workspace/large.bin").size() == 300 << 10);
}

TEST_CASE("queue: what a crash left half-made goes with the next capture") {
  Prepared machine;
  std::string const half = queue_folder(machine.open()) + "/2026-01-01T00-00-00-000Z-00000000.tmp";
  REQUIRE(make_directories(half + "/bodies"));
  machine.write("workspace/MEMORY.md", "captured\n");
  REQUIRE(machine.capture_ok().snapshot);
  CHECK_FALSE(path_exists(half));
}

TEST_CASE("queue: what a crash left of an uploaded capture goes with the next upload") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "captured\n");
  machine.capture_ok();
  std::string const folder = machine.queue().front().folder;
  machine.upload_ok();
  CHECK_FALSE(path_exists(folder));
  // Stopped when it had a new name, and part of it was gone.
  REQUIRE(make_directories(folder + ".uploaded/bodies"));
  REQUIRE(atomic_write_file(folder + ".uploaded/bodies/pack", "captured\n"));
  CHECK(machine.queue().empty());
  CHECK_FALSE(*machine.upload());
  CHECK_FALSE(path_exists(folder + ".uploaded"));
}

TEST_CASE("queue: captures for another store wait and do not stand in the way") {
  Prepared machine;
  machine.write("workspace/MEMORY.md", "for the first prefix\n");
  machine.capture_ok();
  machine.config.prefix = "elsewhere";
  CHECK_FALSE(*machine.upload());
  REQUIRE(machine.push_ok().snapshot);
  machine.config.prefix = "openclaw-backup";
  CHECK(machine.upload_ok().complete);
}

TEST_CASE("queue: one uploader at a time") {
  Prepared machine;
  auto const context = machine.open();
  auto const held = UploadLock::acquire(context, "first");
  REQUIRE(held);
  auto const second = UploadLock::acquire(context, "second");
  REQUIRE_FALSE(second);
  CHECK(second.error().condition == Condition::busy);
  CHECK(second.error().message.find("first") != std::string::npos);
}

TEST_CASE("capture record: back and forth, and what is refused") {
  QueuedCapture capture;
  capture.id = *parse_snapshot_id("2026-02-19T12-00-00-000Z-1a2b3c4d");
  capture.trigger = Trigger::gateway_stop;
  capture.target = "store, prefix p";
  capture.started_ns = 12345;
  capture.bytes = 7;
  capture.skipped.push_back({std::string("odd\xff\n"), SkipReason::unstable, "changed"});
  capture.warnings.emplace_back("a warning");
  std::string const text = format_capture_record(capture);
  auto const back = parse_capture_record(text, "x");
  REQUIRE(back);
  CHECK(format_capture_record(*back) == text);
  CHECK(back->skipped.front().path == "odd\xff\n");
  CHECK(back->skipped.front().reason == SkipReason::unstable);
  for (std::string const& bad : std::vector<std::string>{"", "[]", "{}", text.substr(0, text.size() / 2)})
    CHECK(parse_capture_record(bad, "x").error().condition == Condition::corrupt);
  std::string newer = text;
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
  CHECK(parse_capture_record(newer, "x").error().condition == Condition::unsupported);
}

TEST_CASE("body place: back and forth, and nothing that leaves the folder") {
  auto const place = parse_body_place(format_body_place({"captured-3", 42}));
  REQUIRE(place);
  CHECK(place->file == "captured-3");
  CHECK(place->offset == 42);
  for (char const* const bad : {"", "@", "a@", "@1", "a/b@1", "..@0", "a@-1", "a@1x"}) CHECK_FALSE(parse_body_place(bad));
}
