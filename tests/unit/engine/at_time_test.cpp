// A thief with the application key hides or replaces what is in the bucket: the bucket does not look empty, is read as it was, and no push begins
// a new repository over a hidden one.
#include "core/engine/at_time.h"

#include "core/engine/hidden_snapshots.h"
#include "core/engine/pins.h"
#include "core/store/hidden.h"
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

// S3 without versioning: each object is listed as the version "null".
class UnversionedBucket final : public Store {
 public:
  explicit UnversionedBucket(Store& inner) : inner_(inner) {}
  StoreTraits const& traits() const override { return inner_.traits(); }
  Result<ObjectInfo> put(std::string const& key, ByteSource const& body, std::stop_token const& stop) override { return inner_.put(key, body, stop); }
  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink, std::stop_token const& stop) override {
    return inner_.get(key, range, sink, stop);
  }
  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override { return inner_.head(key, stop); }
  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop) override {
    return inner_.list(options, visit, stop);
  }
  Result<void> list_versions(std::string const& prefix, std::function<bool(ObjectVersion const&)> const& visit, std::stop_token const& stop) override {
    auto const look = [&](ObjectVersion version) {
      version.version_id = "null";
      return visit(version);
    };
    return inner_.list_versions(prefix, look, stop);
  }
  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t size, std::stop_token const& stop) override {
    return inner_.copy(from, to, size, stop);
  }
  Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const& stop) override { return inner_.remove_versions(versions, stop); }
  Result<void> flush(std::stop_token const& stop) override { return inner_.flush(stop); }
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t age, std::stop_token const& stop) override {
    return inner_.remove_unfinished(prefix, age, stop);
  }
  Result<TimePoint> now(std::stop_token const& stop) override { return inner_.now(stop); }
  StoreCounters counters() const override { return inner_.counters(); }

 private:
  Store& inner_;
};

}  // namespace

TEST_CASE("at time: a bucket that seems to keep no versions is told of") {
  Victim victim(LayoutChoice::packed);
  UnversionedBucket bucket(*victim.memory);
  auto context = victim.open(&bucket);
  CHECK(AtTime::open(context, victim.before).value()->hint().find("versioning is off") != std::string::npos);
  auto versioned = victim.open();
  CHECK(AtTime::open(versioned, victim.before).value()->hint().empty());
}

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

TEST_CASE("hidden snapshots: what they need outlives pushes and collections, until a person gives them up") {
  Victim victim(LayoutChoice::packed);
  victim.config.retention = RetentionRules{};
  victim.config.retention->last = 2;
  victim.config.retention->hourly = victim.config.retention->daily = victim.config.retention->monthly = 0;
  std::string const snapshots = "openclaw-backup.repo/snapshots/";
  bool const all = GENERATE(true, false);
  if (all) victim.hide_all(snapshots);
  else hide_in_memory_store(*victim.memory, snapshots + victim.first.text);
  std::vector<std::string> told;
  for (int day = 0; day < 6; ++day) {
    victim.clock.advance(std::chrono::hours(26));
    victim.write("workspace/MEMORY.md", "day " + std::to_string(day) + "\n");
    auto const report = victim.push_ok();
    told.insert(told.end(), report.warnings.begin(), report.warnings.end());
  }
  auto context = victim.open();
  auto const pruned = prune(context, {.confirmed = true, .on_request = true});
  REQUIRE(pruned);
  CHECK(pruned->collected.packs_removed == 0);
  CHECK(pruned->collected.packs_marked == 0);
  REQUIRE(pruned->warnings.size() == 1);
  std::string const& warning = pruned->warnings.front();
  CHECK(warning.find(all ? "2 snapshots were hidden" : "1 snapshot was hidden") != std::string::npos);
  CHECK(warning.find("daemonctl prune --give-up-hidden") != std::string::npos);
  CHECK(victim.named_time(warning) >= victim.before);
  CHECK(std::count_if(told.begin(), told.end(), [](std::string const& text) { return text.find("daemonctl prune --give-up-hidden") != std::string::npos; }) == 6);
  // `status` and `verify`, too.
  CHECK(known_hidden(*context.index, context.config).value().size() == 1);
  VerifyReport const verified = verify(context, {}).value();
  CHECK(std::any_of(verified.problems.begin(), verified.problems.end(),
                    [](VerifyProblem const& problem) { return problem.problem.find("hidden in the memory store") != std::string::npos; }));
  auto const then = AtTime::open(context, victim.named_time(warning)).value();
  StringSink sink(1000);
  REQUIRE(cat_file(then->context(), victim.first.text, "workspace/MEMORY.md", sink));
  CHECK(sink.text() == "# memory\n");

  // Only that flag does it, and a dry run says so first.
  PruneOptions options;
  options.on_request = options.give_up_hidden = options.dry_run = true;
  CHECK(prune(context, options)->removed.size() == (all ? 2 : 1));
  CHECK(known_hidden(*context.index, context.config).value().size() == 1);
  options.dry_run = false;
  auto const given_up = prune(context, options);
  REQUIRE(given_up);
  CHECK(given_up->removed.size() == (all ? 2 : 1));
  CHECK(given_up->collected.packs_marked > 0);
  CHECK(known_hidden(*context.index, context.config).value().empty());
  CHECK(hidden_snapshots(context).value().empty());
  victim.clock.advance(std::chrono::hours(26));
  CHECK(prune(context, {.on_request = true})->collected.packs_removed > 0);
}

TEST_CASE("hidden snapshots: those of an earlier day are counted apart") {
  Victim victim(LayoutChoice::packed);
  std::string const snapshots = "openclaw-backup.repo/snapshots/";
  hide_in_memory_store(*victim.memory, snapshots + victim.first.text);
  victim.clock.advance(std::chrono::hours(24));
  std::string const today = format_iso8601(victim.clock.now());
  hide_in_memory_store(*victim.memory, snapshots + victim.second.text);
  auto context = victim.open();
  std::string const said = hidden_snapshots(context).value();
  CHECK(said.starts_with("2 snapshots were hidden in the memory store, the newest of them " + victim.second.text + "; 1 of them on " + today));
}

TEST_CASE("hidden snapshots: a push whose last one is hidden says so") {
  auto const layout = GENERATE(LayoutChoice::packed, LayoutChoice::plugin);
  Victim victim(layout);
  victim.hide_all(layout == LayoutChoice::packed ? "openclaw-backup.repo/snapshots/" : "openclaw-backup/" + victim.second.text);
  victim.write("workspace/new.md", "new\n");
  std::string told;
  for (std::string const& warning : victim.push_ok().warnings) told += warning + "\n";
  CHECK(told.find(layout == LayoutChoice::packed ? "2 snapshots were hidden" : "1 snapshot was hidden") != std::string::npos);
  victim.named_time(told);
}

TEST_CASE("hidden snapshots: a hidden manifest makes no unfinished upload of what lies beside it") {
  Victim victim(LayoutChoice::plugin);
  std::string const folder = "openclaw-backup/" + victim.first.text + "/";
  hide_in_memory_store(*victim.memory, folder + "manifest.json");
  TimePoint const hidden = victim.clock.now();
  auto context = victim.open();
  VerifyReport const verified = verify(context, {}).value();
  REQUIRE(verified.problems.size() == 1);
  CHECK(verified.problems.front().problem.find("was hidden on " + format_iso8601(hidden)) != std::string::npos);
  victim.clock.advance(std::chrono::hours(24 * 30));
  auto const bodies = victim.keys(folder).size();
  REQUIRE(bodies > 0);
  auto const pruned = prune(context, {.confirmed = true, .on_request = true});
  REQUIRE(pruned);
  CHECK(pruned->torn_removed.empty());
  CHECK(victim.keys(folder).size() == bodies);
  REQUIRE(pruned->warnings.size() == 1);
  CHECK(victim.named_time(pruned->warnings.front()) == moment_before(hidden));
  CHECK(known_hidden(*context.index, context.config).value().size() == 1);
  victim.check_reads_at(victim.before);

  REQUIRE(pin_snapshot(context, victim.second.text));
  auto const given_up = prune(context, {.on_request = true, .give_up_hidden = true});
  REQUIRE(given_up);
  CHECK(given_up->removed == std::vector<std::string>{victim.first.text});
  CHECK(victim.keys(folder).empty());
  CHECK(known_hidden(*context.index, context.config).value().empty());
}

TEST_CASE("hidden repository: where versions may not be listed nothing can be told, and the push goes on") {
  Machine machine;
  machine.config.layout = LayoutChoice::packed;
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb != "list_versions") return {};
    return make_error(Condition::permission, "no permission to list versions", {}, subject);
  };
  FaultStore store(*machine.memory, std::move(plan));
  auto context = machine.open(&store);
  auto const pushed = push(context, {});
  INFO((pushed ? std::string() : pushed.error().text()));
  CHECK(pushed);
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
