// A thief with the application key hides or replaces what is in the bucket: the bucket does not look empty, is read as it was, and no push begins
// a new repository over a hidden one.
#include "core/engine/at_time.h"

#include "core/engine/hidden_snapshots.h"
#include "core/store/memory_store.h"
#include "tests/unit/engine/push_fixture.h"

using namespace b2b;
using b2b::test::Machine;

namespace {

struct Victim : Machine {
  SnapshotId first, second;
  TimePoint before{};   // the moment before the thief came

  explicit Victim(LayoutChoice layout) {
    config.layout = layout;
    first = *push_ok().snapshot;
    write("workspace/MEMORY.md", "# second\n");
    second = *push_ok().snapshot;
    before = clock.now();
    clock.advance(std::chrono::hours(1));
  }

  void hide_all(std::string const& prefix = {}) {
    for (std::string const& key : keys(prefix)) {
      hide_in_memory_store(*memory, key);
      clock.advance(std::chrono::seconds(1));
    }
  }

  void replace_all() {
    for (std::string const& key : keys()) REQUIRE(memory->put(key, MemorySource("rubbish"), {}));
  }

  std::vector<std::string> ids(EngineContext& context) {
    std::vector<std::string> out;
    auto const listing = list_bucket(context, true);
    INFO((listing ? std::string() : listing.error().text()));
    REQUIRE(listing);
    for (ListedSnapshot const& listed : listing->snapshots)
      if (listed.has_manifest && listed.problem.empty()) out.push_back(listed.info.id.text);
    return out;
  }

  // All of both snapshots, as they were.
  void check_reads_at(TimePoint at) {
    auto now = open();
    auto then = AtTime::open(now, at);
    REQUIRE(then);
    EngineContext& context = (*then)->context();
    CHECK(ids(context) == std::vector<std::string>{first.text, second.text});
    for (auto const& [name, text] : {std::pair(first.text, "# memory\n"), std::pair(second.text, "# second\n"), std::pair(std::string("latest"), "# second\n")}) {
      StringSink sink(1000);
      auto const read = cat_file(context, name, "workspace/MEMORY.md", sink);
      INFO((read ? std::string() : read.error().text()));
      REQUIRE(read);
      CHECK(sink.text() == text);
    }
    std::string const target = root() + "/restored-" + std::to_string(++restores_);
    RestoreOptions options;
    options.from = &context;
    options.target = target;
    auto const report = restore(now, options);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    CHECK(report->failed.empty());
    CHECK(read_file(target + "/workspace/MEMORY.md", 100).value() == "# second\n");
  }

  // As the message names it.
  TimePoint named_time(std::string const& text) {
    INFO(text);
    auto const at = text.find("--at 2");
    REQUIRE(at != std::string::npos);
    return parse_iso8601(text.substr(at + 5, 24)).value();
  }

 private:
  int restores_ = 0;
};

}  // namespace

TEST_CASE("at time: what was hidden is said, and read as it was") {
  auto const layout = GENERATE(LayoutChoice::packed, LayoutChoice::plugin);
  Victim victim(layout);
  auto context = victim.open();
  CHECK(hidden_snapshots(context).value().empty());
  victim.hide_all();
  CHECK(victim.ids(context).empty());
  std::string const said = hidden_snapshots(context).value();
  CHECK(said.starts_with("2 snapshots were hidden in the memory store, the newest of them " + victim.second.text + ", on 2026-02-19T13:00:20"));
  TimePoint const at = victim.named_time(said);
  CHECK(at >= victim.before);
  victim.check_reads_at(at);
  victim.check_reads_at(victim.before);
  std::vector<std::string> notes;
  auto const latest = resolve_snapshot(context, "latest", notes);
  REQUIRE_FALSE(latest);
  CHECK(latest.error().condition == Condition::not_found);
  CHECK(victim.named_time(latest.error().text()) == at);
  CHECK(victim.named_time(resolve_snapshot(context, victim.first.text, notes).error().text()) == at);
}

TEST_CASE("at time: also on a machine that has nothing of it but the passphrase, or nothing but the key") {
  Victim victim(LayoutChoice::packed);
  victim.hide_all();
  SECTION("the passphrase") {
    std::filesystem::remove_all(victim.config.data_dir);
  }
  SECTION("the key that was opened before") {
    victim.config.encryption_key = Secret("another one");
  }
  SECTION("and a record that has learnt that all packs are gone") {
    victim.write("workspace/new.md", "new\n");
    auto context = victim.open();
    REQUIRE_FALSE(push(context, {}));
  }
  victim.check_reads_at(victim.before);
}

TEST_CASE("at time: what was replaced is read as it was") {
  auto const layout = GENERATE(LayoutChoice::packed, LayoutChoice::plugin);
  Victim victim(layout);
  victim.replace_all();
  auto context = victim.open();
  CHECK(victim.ids(context).empty());
  victim.check_reads_at(victim.before);
}

TEST_CASE("at time: an earlier moment has what was there then") {
  Victim victim(LayoutChoice::packed);
  auto now = victim.open();
  auto const then = AtTime::open(now, victim.before - std::chrono::seconds(5)).value();
  CHECK(victim.ids(then->context()) == std::vector<std::string>{victim.first.text});
  // Nothing that was seen there is taken for what is there now.
  CHECK(victim.ids(now) == std::vector<std::string>{victim.first.text, victim.second.text});
  CHECK(AtTime::open(now, victim.clock.now() + std::chrono::seconds(61)).error().condition == Condition::usage);
}

TEST_CASE("hidden repository: a push does not begin another one over it") {
  Victim victim(LayoutChoice::packed);
  victim.write("workspace/new.md", "new\n");
  auto same_process = victim.open();
  SECTION("all of it, and the process knows nothing") {}
  SECTION("while the daemon has its keys open") {
    REQUIRE(same_process.packed->open_or_create(same_process));
  }
  victim.hide_all();
  auto const pushed = push(same_process, {});
  REQUIRE_FALSE(pushed);
  CHECK(pushed.error().condition == Condition::refused);
  CHECK(pushed.error().message.find("was hidden on 2026-02-19T13:00:20") != std::string::npos);
  CHECK(victim.named_time(pushed.error().text()) >= victim.before);
  CHECK(victim.keys("openclaw-backup.repo/config").empty());
  CHECK(victim.keys("openclaw-backup.repo/snapshots/").empty());
  victim.check_reads_at(victim.before);
}

TEST_CASE("hidden repository: one that was deleted for good is no obstacle") {
  Victim victim(LayoutChoice::packed);
  for (std::string const& key : victim.keys()) REQUIRE(remove_all(*victim.memory, key, {}));
  auto context = victim.open();
  CHECK(hidden_snapshots(context).value().empty());
  victim.write("workspace/new.md", "new\n");
  CHECK(victim.push_ok().snapshot.has_value());
}

TEST_CASE("hidden repository: snapshots alone are hidden, and the push goes into what is there") {
  Victim victim(LayoutChoice::packed);
  victim.hide_all("openclaw-backup.repo/snapshots/");
  auto context = victim.open();
  CHECK_FALSE(hidden_snapshots(context).value().empty());
  victim.write("workspace/new.md", "new\n");
  auto const third = *victim.push_ok().snapshot;
  CHECK(victim.ids(context) == std::vector<std::string>{third.text});
  victim.check_reads_at(victim.before);
}

TEST_CASE("at time: a store without versions says so") {
  Machine machine(false);
  machine.push_ok();
  auto now = machine.open();
  auto const then = AtTime::open(now, machine.clock.now());
  REQUIRE_FALSE(then);
  CHECK(then.error().condition == Condition::unsupported);
  CHECK(then.error().message.find("keeps no older versions") != std::string::npos);
  CHECK(hidden_snapshots(now).value().empty());
}
