// A repository in which something was damaged, lost or put in another's place: a new machine with the secret gives
// out no wrong byte, tells what is missing, and restores all the rest.
#include <algorithm>
#include <optional>
#include <set>

#include "core/packed/sealed_object.h"
#include "tests/unit/packed/repository_support.h"
#include "tests/unit/packed/stream_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using Chunk = std::pair<ChunkType, ChunkId>;

struct Snapshot {
  SnapshotId id;
  Files files;
  std::map<std::string, std::vector<ChunkId>> chunk_ids;
  std::vector<ChunkId> list;
};

// What a new machine finds.
struct Found {
  std::vector<std::string> problems;
  std::vector<std::string> errors;
  bool told() const { return !problems.empty() || !errors.empty(); }
};

std::string text_of(Store& store, std::string const& key) { return get_text(store, key, 100'000'000, {}).value(); }

void put(Store& store, std::string const& key, std::string bytes) {
  REQUIRE(store.put(key, MemorySource(std::move(bytes)), {}));
}

// Three snapshots, of small chunks so that there are many and objects are small.
struct Bucket {
  Bucket() : Bucket(std::make_unique<ManualClock>(TimePoint{})) {}
  explicit Bucket(std::unique_ptr<ManualClock> clock_in)
      : clock(std::move(clock_in)), store(make_memory_store(*clock, false)) {
    NewRepository wanted;
    wanted.data = {256, 512, 1024};
    wanted.list = {256, 512, 1024};
    Machine machine(store, wanted);
    keys = machine.keys;
    b2b::test::Bytes64 bytes(7);
    Files files;
    files["openclaw.json"] = "{}";
    files["empty"] = "";
    files["log.jsonl"] = log_text(200);
    auto const random = bytes.bytes(20'000);
    files["random.bin"] = std::string(random.begin(), random.end());
    for (int i = 0; i < 12; ++i) files["many/" + std::to_string(i)] = "file " + std::to_string(i);
    take(machine, files);
    files["log.jsonl"] += log_text(20, 200);
    files["new"] = "in the second one";
    take(machine, files);
    files["random.bin"].insert(10'000, "in between");
    files.erase("many/3");
    take(machine, files);
  }

  void take(Machine& machine, Files const& files) {
    Snapshot snapshot;
    snapshot.id = machine.push(files).id;
    snapshot.files = files;
    b2b::test::Scratch const scratch;
    ChunkReader reader(machine.repository, scratch.path(), {});
    auto const payload = read_snapshot(*machine.repository, snapshot.id, {}).value();
    Restored restored(reader);
    REQUIRE(read_list(reader, payload, restored));
    REQUIRE(restored.files == files);
    snapshot.chunk_ids = restored.chunk_ids;
    snapshot.list = payload.list;
    snapshots.push_back(std::move(snapshot));
  }

  std::vector<std::string> objects(std::string const& kind) const { return keys_of(*store, "p.repo/" + kind); }

  // What the index objects say, from themselves.
  IndexPayload index(std::string const& key) const {
    return parse_index(open_object(SealedKind::index, keys.master, keys.config.id, {}, text_of(*store, key)).value()).value();
  }
  PackRecord pack(std::string const& key) const {
    for (std::string const& index_key : objects("index/"))
      for (PackRecord const& pack : index(index_key).packs)
        if (pack_key("p", pack.id) == key) return pack;
    FAIL("no index object names " << key);
    return {};
  }

  std::unique_ptr<ManualClock> clock;
  std::shared_ptr<Store> store;
  OpenedRepository keys;
  std::vector<Snapshot> snapshots;
};

bool any_hit(ChunkType type, std::vector<ChunkId> const& ids, std::set<Chunk> const& hit) {
  return std::any_of(ids.begin(), ids.end(), [&](ChunkId const& id) { return hit.contains({type, id}); });
}

// A new machine reads everything. Whatever needs none of the chunks in `hit`, and is not of a snapshot in `lost`, is there as it
// was; all else is told.
Found look(Bucket const& bucket, std::set<Chunk> const& hit, std::set<std::string> const& lost = {}) {
  Machine machine(bucket.store, bucket.keys);
  REQUIRE(machine.synced);
  Found found;
  found.problems = machine.problems;
  b2b::test::Scratch const scratch;
  ChunkReader reader(machine.repository, scratch.path(), {});
  auto const listed = list_snapshots(*machine.repository->store, machine.repository->prefix, {}).value();
  for (Snapshot const& snapshot : bucket.snapshots) {
    bool const there = std::any_of(listed.begin(), listed.end(), [&](SnapshotId const& id) { return id.text == snapshot.id.text; });
    auto const payload = read_snapshot(*machine.repository, snapshot.id, {});
    if (!payload) {
      CHECK(lost.contains(snapshot.id.text));
      CHECK(payload.error().condition == (there ? Condition::corrupt : Condition::not_found));
      found.errors.push_back(payload.error().text());
      continue;
    }
    CHECK(there);
    CHECK_FALSE(lost.contains(snapshot.id.text));
    Restored restored(reader);
    auto const read = read_list(reader, *payload, restored);
    CHECK(read.has_value() == !any_hit(ChunkType::list, snapshot.list, hit));
    if (!read) found.errors.push_back(read.error().text());
    for (auto const& [path, error] : restored.failed) {
      CHECK((error.condition == Condition::corrupt || error.condition == Condition::not_found));
      CHECK(any_hit(ChunkType::data, snapshot.chunk_ids.at(path), hit));
      found.errors.push_back(error.text());
    }
    for (auto const& [path, text] : restored.files) {
      REQUIRE(snapshot.files.contains(path));
      if (!restored.failed.contains(path) && (read || path != restored.files.rbegin()->first)) CHECK(text == snapshot.files.at(path));
    }
    if (read) CHECK(restored.files.size() == snapshot.files.size());
  }
  return found;
}

// Some places of an object, each with one bit to flip.
std::vector<std::size_t> places(std::size_t bytes) {
  std::set<std::size_t> out{0, 7, 9, 39, 40, 47, bytes / 3, bytes / 2, bytes - 17, bytes - 14, bytes - 1};
  return {out.begin(), out.end()};
}

std::string flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
  return bytes;
}

std::set<Chunk> hit_by(PackRecord const& pack, std::size_t begin, std::size_t end) {
  std::set<Chunk> hit;
  for (ChunkPlace const& place : pack.chunks)
    if (place.offset < end && begin < std::size_t{place.offset} + place.box_bytes) hit.insert({place.type, place.id});
  return hit;
}

// Changes the object, looks, and puts it back.
template <class Look>
void while_changed(Bucket const& bucket, std::string const& key, std::optional<std::string> const& bytes, Look look_now) {
  INFO(key);
  std::string const before = text_of(*bucket.store, key);
  if (bytes) {
    put(*bucket.store, key, *bytes);
  } else {
    REQUIRE(remove_all(*bucket.store, key, {}));
  }
  look_now();
  put(*bucket.store, key, before);
}

std::string snapshot_of(std::string const& key) { return key.substr(snapshots_prefix("p").size()); }

}  // namespace

TEST_CASE("a pack that is damaged, short or gone costs what lay there", "[packed_damage]") {
  Bucket const bucket;
  auto const packs = bucket.objects("packs/");
  REQUIRE(packs.size() == 3);
  CHECK_FALSE(look(bucket, {}).told());
  for (std::string const& key : packs) {
    PackRecord const record = bucket.pack(key);
    std::string const bytes = text_of(*bucket.store, key);
    std::size_t boxes_hit = 0;
    auto at_places = places(bytes.size());
    for (std::size_t i = 0; i < record.chunks.size(); i += 1 + record.chunks.size() / 4) {
      at_places.push_back(record.chunks[i].offset);
      at_places.push_back(record.chunks[i].offset + record.chunks[i].box_bytes - 1);
    }
    for (std::size_t const at : at_places) {
      auto const hit = hit_by(record, at, at + 1);
      boxes_hit += hit.size();
      // Damage that no reader passes is not noticed by reading.
      while_changed(bucket, key, flipped(bytes, at), [&] { CHECK(look(bucket, hit).told() == !hit.empty()); });
    }
    CHECK(boxes_hit >= 4);
    for (std::size_t const left : {std::size_t{0}, std::size_t{40}, bytes.size() / 8, bytes.size() / 2, bytes.size() - 1}) {
      auto const hit = hit_by(record, left, bytes.size());
      while_changed(bucket, key, bytes.substr(0, left), [&] { CHECK(look(bucket, hit).told() == !hit.empty()); });
    }
    while_changed(bucket, key, std::nullopt, [&] { CHECK(look(bucket, hit_by(record, 0, bytes.size())).told()); });
  }
  CHECK_FALSE(look(bucket, {}).told());
}

TEST_CASE("an index object that is damaged, short or gone costs what only it knows", "[packed_damage]") {
  Bucket const bucket;
  auto const objects = bucket.objects("index/");
  REQUIRE(objects.size() == 3);
  for (std::string const& key : objects) {
    std::set<Chunk> hit;
    for (PackRecord const& pack : bucket.index(key).packs) hit.merge(hit_by(pack, 0, pack.bytes));
    REQUIRE_FALSE(hit.empty());
    std::string const bytes = text_of(*bucket.store, key);
    auto const named = [&] {
      auto const found = look(bucket, hit);
      REQUIRE(found.problems.size() == 1);
      CHECK(found.problems[0].find(key) != std::string::npos);
      CHECK_FALSE(found.errors.empty());
    };
    for (std::size_t const at : places(bytes.size())) while_changed(bucket, key, flipped(bytes, at), named);
    for (std::size_t const left : {std::size_t{0}, std::size_t{40}, bytes.size() / 2, bytes.size() - 1})
      while_changed(bucket, key, bytes.substr(0, left), named);
    while_changed(bucket, key, std::nullopt, [&] { CHECK_FALSE(look(bucket, hit).errors.empty()); });
  }
}

TEST_CASE("a snapshot object that is damaged, short or gone costs that snapshot", "[packed_damage]") {
  Bucket const bucket;
  auto const objects = bucket.objects("snapshots/");
  REQUIRE(objects.size() == 3);
  for (std::string const& key : objects) {
    std::string const bytes = text_of(*bucket.store, key);
    auto const told = [&] { CHECK(look(bucket, {}, {snapshot_of(key)}).errors.size() == 1); };
    for (std::size_t const at : places(bytes.size())) while_changed(bucket, key, flipped(bytes, at), told);
    for (std::size_t const left : {std::size_t{0}, std::size_t{40}, bytes.size() / 2, bytes.size() - 1})
      while_changed(bucket, key, bytes.substr(0, left), told);
    while_changed(bucket, key, std::nullopt, told);
  }
}

TEST_CASE("objects in each other's place are found out", "[packed_damage]") {
  Bucket const bucket;
  Bucket const other;
  REQUIRE(bucket.keys.config.id != other.keys.config.id);
  auto const swapped = [&](std::string const& a, std::string const& b, auto look_now) {
    std::string const of_a = text_of(*bucket.store, a), of_b = text_of(*bucket.store, b);
    while_changed(bucket, a, of_b, [&] { while_changed(bucket, b, of_a, look_now); });
  };

  auto const packs = bucket.objects("packs/");
  PackRecord const a = bucket.pack(packs[0]), b = bucket.pack(packs[1]);
  std::set<Chunk> hit = hit_by(a, 0, a.bytes);
  hit.merge(hit_by(b, 0, b.bytes));
  swapped(packs[0], packs[1], [&] { CHECK(look(bucket, hit).told()); });
  while_changed(bucket, packs[0], text_of(*other.store, other.objects("packs/")[0]),
                [&] { CHECK(look(bucket, hit_by(a, 0, a.bytes)).told()); });

  auto const indexes = bucket.objects("index/");
  hit.clear();
  for (int i : {0, 1})
    for (PackRecord const& pack : bucket.index(indexes[i]).packs) hit.merge(hit_by(pack, 0, pack.bytes));
  swapped(indexes[0], indexes[1], [&] { CHECK(look(bucket, hit).problems.size() == 2); });

  auto const snapshots = bucket.objects("snapshots/");
  swapped(snapshots[0], snapshots[2],
          [&] { CHECK(look(bucket, {}, {snapshot_of(snapshots[0]), snapshot_of(snapshots[2])}).errors.size() == 2); });
  while_changed(bucket, snapshots[1], text_of(*other.store, other.objects("snapshots/")[1]),
                [&] { CHECK(look(bucket, {}, {snapshot_of(snapshots[1])}).errors.size() == 1); });

  // One more than there should be hurts nobody: an index object of another repository, under the name that it has there.
  std::string const foreign = other.objects("index/")[0];
  put(*bucket.store, foreign, text_of(*other.store, foreign));
  auto const found = look(bucket, {});
  REQUIRE(found.problems.size() == 1);
  CHECK(found.problems[0].find(foreign) != std::string::npos);
  CHECK(found.errors.empty());
}

TEST_CASE("a damaged configuration or slot opens nothing else", "[packed_damage]") {
  Bucket const bucket;
  auto const same = [&] {
    auto const opened = open_keys(*bucket.store, *bucket.clock);
    if (!opened) return false;
    CHECK(opened->config.id == bucket.keys.config.id);
    CHECK(equal_in_constant_time(opened->master.bytes(), bucket.keys.master.bytes()));
    return true;
  };
  std::string const config = config_key("p");
  std::string const text = text_of(*bucket.store, config);
  for (std::size_t at = 0; at < text.size(); ++at) {
    // What still reads as a configuration of this repository is the same one; another's has no slot here.
    std::string const damaged = flipped(text, at);
    auto const read = parse_config(damaged);
    if (read && read->id == bucket.keys.config.id) {
      CHECK(*read == bucket.keys.config);
    } else if (read || at % 16 == 0) {
      while_changed(bucket, config, damaged, [&] { CHECK_FALSE(same()); });
    }
  }
  while_changed(bucket, config, std::nullopt, [&] { CHECK_FALSE(same()); });
  while_changed(bucket, config, text.substr(0, text.size() / 2), [&] { CHECK_FALSE(same()); });

  auto const slots = bucket.objects("keys/");
  REQUIRE(slots.size() == 1);
  std::string const slot = text_of(*bucket.store, slots[0]);
  std::size_t const wrapped = slot.find("\"wrapped\"");
  REQUIRE(wrapped != std::string::npos);
  for (std::size_t const at : {wrapped + 14, wrapped + 60, slot.find("\"nonce\"") + 12, slot.find("\"salt\"") + 12, slot.find("\"n\"") + 6})
    while_changed(bucket, slots[0], flipped(slot, at), [&] { CHECK_FALSE(same()); });
  while_changed(bucket, slots[0], std::nullopt, [&] { CHECK_FALSE(same()); });
  CHECK(same());
}
