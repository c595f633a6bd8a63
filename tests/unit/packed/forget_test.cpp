// Paths taken out of snapshots: the others stay as they are, what goes is gone from the bucket in the end, and nothing is lost on the way,
// wherever it dies.
#include "core/packed/forget.h"

#include <atomic>
#include <set>

#include "core/packed/collect.h"
#include "core/packed/sealed_object.h"
#include "core/store/fault_store.h"
#include "core/store/memory_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using std::chrono::hours;

struct World {
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  OpenedRepository keys = some_keys();
  std::shared_ptr<Store> store;
  std::map<std::string, Files> before;  // by snapshot id
  std::map<std::string, Files> after;

  explicit World(bool versioned = true) : store(store_with(keys, clock, versioned)) {
    Machine machine(store, keys);
    std::string const secret = random_text(5'000);
    std::string const log = log_text(3'000);
    push(machine, {{"a.log", log}, {"secrets/key", secret}, {"z", "1"}});
    push(machine, {{"a.log", log + "more"}, {"moved/key", secret}, {"secrets/other", random_text(300'000)}});
    push(machine, {{"a.log", log}, {"z", "2"}});
  }

  void push(Machine& machine, Files const& files) {
    std::string const id = machine.push(files).id.text;
    before[id] = files;
    after[id] = files;
    std::erase_if(after[id], [](auto const& file) { return file.first == "moved/key" || file.first.starts_with("secrets/"); });
  }

  static bool covers(std::string const& path, bool) { return path == "moved/key" || path.starts_with("secrets/"); }

  struct Done {
    std::vector<std::string> replaced;
    std::map<std::string, Condition> left;   // as they were, and why
    std::vector<std::string> kept;           // older versions of them
    std::vector<std::string> copies;
    std::uint64_t files = 0;
  };

  Result<Done> forget(Machine& machine, std::function<void()> const& between = [] {}) {
    if (!machine.synced) return machine.synced.error();
    Forgetting forgetting(machine.repository, covers, machine.scratch.path(), {});
    Done done;
    for (auto const& [id, contents] : before) {
      B2B_ASSIGN(PathsToForget const gone, forgetting.look(*parse_snapshot_id(id), [](SnapshotId const&, Entry const&) -> Result<void> { return {}; }));
      CHECK(gone.entries == gone.files);
      CHECK_FALSE(gone.every_file);
      done.files += gone.files;
    }
    B2B_TRY(forgetting.find_copies([&](SnapshotId const&, Entry const& entry) -> Result<void> {
      done.copies.push_back(entry.path);
      return {};
    }));
    between();
    B2B_ASSIGN(auto const writer, ChunkWriter::create(machine.repository, machine.scratch.path() + "/packs", {}));
    B2B_TRY(forgetting.replace(
        *writer,
        [&](SnapshotId const& id, Result<void> const& ended) {
          if (ended) done.replaced.push_back(id.text);
          if (!ended) done.left[id.text] = ended.error().condition;
        },
        [&](SnapshotId const& id, Error const&) { done.kept.push_back(id.text); }));
    return done;
  }

  // As a machine does it whose calls go to `through`.
  Result<Done> forget(std::shared_ptr<Store> through) {
    Machine machine(std::move(through), keys);
    return forget(machine);
  }

  // As a new machine sees it: each snapshot is what it was or what it shall be. Returns how many are what they shall be.
  std::size_t check() {
    Machine machine(store, keys);
    REQUIRE(machine.synced);
    CHECK(machine.problems.empty());
    std::size_t done = 0;
    for (auto const& [id, files] : before) {
      INFO(id);
      Files const found = restore(machine, *parse_snapshot_id(id));
      SnapshotInfo const info = read_snapshot(*machine.repository, *parse_snapshot_id(id), {}).value().info;
      CHECK(info.files == found.size());
      if (found == after.at(id)) {
        ++done;
      } else {
        CHECK(found == files);
      }
    }
    return done;
  }

  std::size_t older_versions() {
    std::size_t older = 0;
    if (!store->traits().versioned) return older;
    REQUIRE(store->list_versions(
        snapshots_prefix("p"), [&](ObjectVersion const& version) { return older += version.latest ? 0 : 1, true; }, {}));
    return older;
  }

  // The data chunks that lie in packs.
  std::set<ChunkId> stored_chunks() {
    std::set<ChunkId> ids;
    for (std::string const& key : keys_of(*store, packs_prefix("p"))) {
      std::string const object = get_text(*store, key, max_pack_bytes, {}).value();
      auto const record = read_pack_directory(keys.master, keys.config.id, object.size(),
                                              [&](std::uint64_t offset, std::uint64_t bytes) -> Result<std::string> {
                                                return object.substr(offset, bytes);
                                              });
      REQUIRE(record);
      for (ChunkPlace const& place : record->chunks)
        if (place.type == ChunkType::data) ids.insert(place.id);
    }
    return ids;
  }
};

}  // namespace

TEST_CASE("forget: what matches is gone from every snapshot, the rest is as it was", "[forget]") {
  World world;
  auto const done = world.forget(world.store);
  REQUIRE(done);
  CHECK(done->replaced.size() == 2);
  CHECK(done->files == 3);
  CHECK(done->copies.empty());
  CHECK(world.check() == 3);
  CHECK(world.older_versions() == 0);
  // A second time there is nothing to do, and nothing is written.
  auto const before = keys_of(*world.store);
  CHECK(world.forget(world.store)->replaced.empty());
  CHECK(keys_of(*world.store) == before);
}

TEST_CASE("forget: names in links and among what was skipped go, too, and copies are told of", "[forget]") {
  World world;
  Machine machine(world.store, world.keys);
  std::string const text = random_text(3'000);
  SnapshotId id;
  {
    auto const writer = ChunkWriter::create(machine.repository, machine.scratch.path() + "/packs", {}).value();
    auto catalog = Catalog::create(machine.scratch.path() + "/scan.sqlite").value();
    for (auto const& [path, link] : std::map<std::string, std::string>{{"a", "secrets/a"}, {"b", "secrets/a"}, {"c", "b"}, {"secrets/a", ""}, {"y", ""}}) {
      CatalogEntry row;
      row.entry.path = path;
      row.entry.hard_link_of = link;
      std::string const content = path == "y" ? "another" : text;
      row.entry.size = content.size();
      row.entry.hash = sha256(content);
      row.stored_name = "-";
      REQUIRE(store_content(*machine.repository, *writer, MemorySource(content), row.entry.hash, row.entry.size));
      REQUIRE(catalog.put(row));
    }
    CatalogEntry link;
    link.entry.path = "link";
    link.entry.type = EntryType::symlink;
    link.entry.target = "openclaw.json";
    REQUIRE(catalog.put(link));
    SnapshotInfo info;
    info.id = make_snapshot_id(SnapshotKind::regular, machine.clock.now() + hours(1), 1);
    info.timestamp = format_iso8601(machine.clock.now());
    info.skipped = {{"secrets/b", "unreadable"}, {"y2", "unreadable"}};
    info.skipped_total = 2;
    REQUIRE(commit_snapshot(*machine.repository, *writer, info, catalog, {}));
    id = info.id;
  }
  world.before = {{id.text, {}}};
  auto const done = world.forget(world.store);
  REQUIRE(done);
  CHECK(done->copies == std::vector<std::string>{"a", "b", "c"});
  Machine reader(world.store, world.keys);
  auto const snapshot = read_snapshot(*reader.repository, id, {}).value();
  CHECK(snapshot.info.skipped == std::vector<std::pair<std::string, std::string>>{{"y2", "unreadable"}});
  CHECK(snapshot.info.skipped_total == 1);
  CHECK(snapshot.info.files == 4);
  b2b::test::Scratch const scratch;
  ChunkReader chunks(reader.repository, scratch.path(), {});
  Restored restored(chunks);
  REQUIRE(read_list(chunks, snapshot, restored));
  CHECK(restored.files == Files{{"a", text}, {"b", text}, {"c", text}, {"y", "another"}});
  CHECK(restored.entries.at("a").hard_link_of.empty());
  CHECK(restored.entries.at("b").hard_link_of == "a");
  CHECK(restored.entries.at("c").hard_link_of == "b");
}

TEST_CASE("forget: the contents are gone from the bucket after the collections of some days, which end when that is done", "[forget]") {
  World world;
  Machine machine(world.store, world.keys);
  // A full pack of which nearly all is needed, that no thrifty collection would touch.
  std::set<ChunkId> needed;
  REQUIRE(world.forget(machine));
  for (auto const& [id, files] : world.after) {
    b2b::test::Scratch const scratch;
    ChunkReader reader(machine.repository, scratch.path(), {});
    Restored restored(reader);
    REQUIRE(read_list(reader, read_snapshot(*machine.repository, *parse_snapshot_id(id), {}).value(), restored));
    for (auto const& [path, ids] : restored.chunk_ids) needed.insert(ids.begin(), ids.end());
  }
  CollectLimits thrifty;
  thrifty.repack.sparse_percent = 0;
  thrifty.repack.waste_percent = 1'000'000;
  thrifty.repack.small_packs = 1'000;
  auto const round = [&] {
    machine.open();   // what is to be forgotten outlives its process
    auto const report = collect(machine.repository, machine.scratch.path(), {}, thrifty);
    REQUIRE(report);
    return *report;
  };
  CHECK(world.stored_chunks() != needed);
  CHECK(round().packs_to_forget == 2);   // too young
  world.clock.advance(hours(50));
  CHECK(round().packs_repacked > 0);
  CHECK(world.stored_chunks() != needed);
  world.clock.advance(hours(26));
  CHECK(round().packs_to_forget == 0);
  CHECK(world.stored_chunks() == needed);
  CHECK(world.check() == 3);
  // Nothing more is done for it.
  world.clock.advance(hours(50));
  CHECK(round().packs_repacked == 0);
}

TEST_CASE("forget: wherever it dies, each snapshot is as before or as it shall be, and the next time does the rest", "[forget]") {
  bool const versioned = GENERATE(true, false);
  for (std::uint64_t call = 1;; ++call) {
    World world(versioned);
    std::atomic<bool> dead = false;  // calls come from several threads
    FaultPlan plan;
    plan.before = [&](std::uint64_t number, std::string_view, std::string const&) -> Result<void> {
      if (number >= call) dead = true;
      return dead ? Result<void>(make_error(Condition::unreachable, "this process is dead")) : Result<void>();
    };
    auto const done = world.forget(std::make_shared<FaultStore>(*world.store, plan));
    CHECK(done.has_value() == !dead);
    world.check();
    if (!dead) {
      CHECK(call > 10);
      break;
    }
    REQUIRE(world.forget(world.store));
    CHECK(world.check() == 3);
    CHECK(world.older_versions() == 0);
  }
}

TEST_CASE("forget: a snapshot that cannot be read is an error of its own, and keeps its older versions", "[forget]") {
  World world;
  std::string const id = world.before.begin()->first;
  std::string const key = snapshot_key("p", id);
  REQUIRE(world.store->put(key, MemorySource("not a snapshot"), {}));
  CHECK(world.forget(world.store).error().condition == Condition::corrupt);
  CHECK(world.older_versions() == 1);
}

TEST_CASE("forget: what somebody else wrote or removed meanwhile is left as it is", "[forget]") {
  World world;
  Machine machine(world.store, world.keys);
  std::string const changed = world.before.begin()->first;
  std::string const removed = std::next(world.before.begin())->first;
  std::string const object = get_text(*world.store, snapshot_key("p", changed), max_pack_bytes, {}).value();
  auto const done = world.forget(machine, [&] {
    auto const snapshot = read_snapshot(*machine.repository, *parse_snapshot_id(changed), {}).value();
    REQUIRE(world.store->put(snapshot_key("p", changed),
                             MemorySource(seal_object(SealedKind::snapshot, world.keys.master, world.keys.config.id, changed, format_snapshot(snapshot)).value()), {}));
    REQUIRE(remove_all(*world.store, snapshot_key("p", removed), {}));
  });
  REQUIRE(done);
  CHECK(done->replaced.empty());
  CHECK(done->left == std::map<std::string, Condition>{{changed, Condition::changed}, {removed, Condition::not_found}});
  // It does not come back.
  CHECK(list_snapshots(*world.store, "p", {})->size() == 2);
  world.before.erase(removed);
  CHECK(world.check() == 1);
  REQUIRE(world.forget(world.store));
  CHECK(world.check() == 2);
}

TEST_CASE("forget: what somebody hides meanwhile keeps the version that is good", "[forget]") {
  World world;
  std::string const id = std::prev(world.before.end())->first;  // nothing of it is to be forgotten
  Machine machine(world.store, world.keys);
  REQUIRE(world.forget(machine, [&] { hide_in_memory_store(*world.store, snapshot_key("p", id)); }));
  std::size_t left = 0;
  REQUIRE(world.store->list_versions(snapshot_key("p", id), [&](ObjectVersion const& version) { return left += version.hide_marker ? 0 : 1, true; }, {}));
  CHECK(left == 1);
}

TEST_CASE("forget: a key that may not delete writes the new lists, and each older version that stays is told", "[forget]") {
  World world;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    return verb == "remove_versions" ? Result<void>(make_error(Condition::permission, "may not delete")) : Result<void>();
  };
  auto const done = world.forget(std::make_shared<FaultStore>(*world.store, plan));
  REQUIRE(done);
  CHECK(done->replaced.size() == 2);
  CHECK(done->kept == done->replaced);
  CHECK(world.check() == 3);
  CHECK(world.older_versions() == 2);
  // With another key that is made up for, though no list needs to be written any more.
  CHECK(world.forget(world.store)->replaced.empty());
  CHECK(world.older_versions() == 0);
}

TEST_CASE("forget: a machine that sleeps for days before its object arrives looks at everything again", "[forget]") {
  World world;
  std::string const first = world.before.begin()->first;
  std::string const key = snapshot_key("p", first);
  Machine other(world.store, world.keys);
  bool slept = false;
  bool prunes = false;
  SECTION("and puts the former object back where its list was collected") {}
  SECTION("and makes no snapshot of one that was pruned") { prunes = true; }
  auto const collect_some = [&] {
    for (int day = 0; day < 5; ++day) {
      world.clock.advance(hours(26));
      other.open();
      REQUIRE(collect(other.repository, other.scratch.path(), {}));
    }
  };
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "put" && subject == key && !slept) {
      slept = true;
      collect_some();   // nobody needs the new list yet
    }
    // After our object, and before the look at what it needs.
    if (verb == "now" && slept && prunes && keys_of(*world.store, key).size() == 1) REQUIRE(remove_all(*world.store, key, {}));
    return {};
  };
  Machine machine(std::make_shared<FaultStore>(*world.store, plan), world.keys);
  auto const done = world.forget(machine);
  REQUIRE(slept);
  REQUIRE(done);
  CHECK(done->left.at(first) == Condition::changed);
  CHECK(keys_of(*world.store, key).empty() == prunes);
  if (prunes) world.before.erase(first);
  world.check();
  REQUIRE(world.forget(world.store));
  CHECK(world.check() == world.before.size());
}
