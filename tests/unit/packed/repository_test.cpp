// Whole snapshots in and out of repositories in memory and in directories.
#include <cstdlib>
#include <fstream>
#include <map>

#include "core/packed/snapshots.h"
#include "core/packed/store_content.h"
#include "core/packed/key_store.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::packed;
using b2b::test::Scratch;
using b2b::test::source_directory;

namespace {

using Files = std::map<std::string, std::string>;

std::string random_text(std::size_t bytes) {
  std::string text(bytes, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

std::string log_text(std::size_t lines, unsigned from = 0) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i)
    text += "{\"role\":\"user\",\"n\":" + std::to_string(from + i) + ",\"text\":\"" + std::to_string((from + i) * 2654435761U) + "\"}\n";
  return text;
}

Files some_files() {
  Files files;
  files["openclaw.json"] = "{}";
  files["empty"] = "";
  files["agents/a/log.jsonl"] = log_text(20'000);
  files["agents/a/twin.jsonl"] = files["agents/a/log.jsonl"];
  files["random.bin"] = random_text(3'000'000);
  files["name\xff.bin"] = "not UTF-8";
  for (int i = 0; i < 200; ++i) files["many/" + std::to_string(i)] = "file " + std::to_string(i);
  return files;
}

struct Machine {
  explicit Machine(std::shared_ptr<Store> store_in) : store(std::move(store_in)) { open(); }

  void open() {
    KeyStore key_store(*store, "p", {}, clock);
    SlotSecret const secrets[] = {{SlotKind::passphrase, Secret("correct horse")}};
    auto const opened = key_store.open_or_create({}, secrets, {});
    REQUIRE(opened);
    auto index = ChunkIndex::open(scratch.path(), opened->config.id);
    REQUIRE(index);
    repository = std::make_shared<Repository>(store, "p", opened->config, opened->master, *index);
    std::vector<std::string> problems;
    REQUIRE(sync_index(*repository, problems, {}));
    CHECK(problems.empty());
  }

  struct Pushed {
    SnapshotId id;
    std::uint64_t bytes = 0;
    std::uint64_t chunks = 0;
  };
  Pushed push(Files const& files) {
    clock.advance(std::chrono::seconds(10));
    auto writer = ChunkWriter::create(repository, scratch.path() + "/packs", clock, {}).value();
    auto catalog = Catalog::create(scratch.path() + "/scan.sqlite").value();
    for (auto const& [path, text] : files) {
      CatalogEntry row;
      row.entry.path = path;
      row.entry.size = text.size();
      row.entry.hash = sha256(text);
      row.entry.mode = 0640;
      row.entry.mtime_ns = 1'771'502'400'123'456'789;
      row.stored_name = "-";
      REQUIRE(store_content(*repository, *writer, MemorySource(text), row.entry.hash, row.entry.size));
      REQUIRE(catalog.put(row));
    }
    CatalogEntry link;
    link.entry.path = "link";
    link.entry.type = EntryType::symlink;
    link.entry.target = "openclaw.json";
    REQUIRE(catalog.put(link));
    SnapshotInfo info;
    info.id = make_snapshot_id(SnapshotKind::regular, clock.now(), 1);
    info.timestamp = format_iso8601(clock.now());
    info.host = "host";
    info.skipped = {{"gone", "unreadable"}};
    info.skipped_total = 1;
    auto const committed = commit_snapshot(*repository, *writer, info, catalog, {});
    REQUIRE(committed);
    CHECK(committed->info.files == files.size());
    return {info.id, committed->bytes_uploaded + writer->bytes_uploaded(), writer->chunks_added()};
  }

  std::shared_ptr<Store> store;
  Scratch scratch;
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  std::shared_ptr<Repository> repository;
};

class Restored : public EntryLineVisitor {
 public:
  explicit Restored(ChunkReader& reader) : reader_(reader) {}
  Result<void> entry(Entry&& entry, std::uint64_t) override {
    path_ = entry.path;
    if (entry.type == EntryType::file) files[path_] = "";
    entries[path_] = std::move(entry);
    return {};
  }
  Result<void> chunks(std::span<ChunkId const> ids, bool) override {
    std::string content;
    for (ChunkId const& id : ids) {
      B2B_TRY(reader_.read(ChunkType::data, id, content));
      files[path_] += content;
    }
    return {};
  }
  Files files;
  std::map<std::string, Entry> entries;

 private:
  ChunkReader& reader_;
  std::string path_;
};

Files restore(Machine& machine, SnapshotId const& id) {
  Scratch const scratch;
  ChunkReader reader(machine.repository, scratch.path(), {});
  auto const snapshot = read_snapshot(*machine.repository, id, {});
  REQUIRE(snapshot);
  Restored restored(reader);
  REQUIRE(read_list(reader, *snapshot, restored));
  CHECK(restored.entries.at("link").target == "openclaw.json");
  for (auto const& [path, text] : restored.files) CHECK(sha256(text) == restored.entries.at(path).hash);
  return restored.files;
}

std::vector<std::string> keys_of(Store& store) {
  std::vector<std::string> keys;
  REQUIRE(store.list({}, [&](ListEntry const& entry) { keys.push_back(entry.object.key); return true; }, {}));
  return keys;
}

}  // namespace

TEST_CASE("what goes into a repository comes out of it, on another machine too", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = make_memory_store(clock, true);
  Machine machine(store);
  Files const first = some_files();
  auto const a = machine.push(first);
  Files second = first;
  second["agents/a/log.jsonl"] += log_text(1, 20'000);
  second.erase("many/7");
  auto const b = machine.push(second);
  CHECK(restore(machine, a.id) == first);
  CHECK(restore(machine, b.id) == second);

  Machine other(store);
  CHECK(list_snapshots(*other.repository, {}).value().size() == 2);
  CHECK(restore(other, a.id) == first);
  CHECK(restore(other, b.id) == second);
  auto const payload = read_snapshot(*other.repository, b.id, {}).value();
  CHECK(payload.info.host == "host");
  CHECK(payload.info.skipped.size() == 1);
  CHECK(payload.entries == second.size() + 1);
  // And it goes on from there.
  auto const c = other.push(second);
  CHECK(c.chunks == 0);
  CHECK(restore(machine, c.id) == second);
}

TEST_CASE("a change costs what changed", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  Machine machine(make_memory_store(clock, true));
  Files files;
  files["big"] = random_text(20'000'000);
  for (int i = 0; i < 3000; ++i) files["many/" + std::to_string(i)] = "file " + std::to_string(i);
  auto const first = machine.push(files);
  CHECK(first.bytes > 20'000'000);
  CHECK(first.bytes < 24'000'000);
  files["big"] += random_text(1024);
  auto const appended = machine.push(files);
  CHECK(appended.bytes < 350'000);
  files["big"].replace(10'000'000, 1024, random_text(1024));
  auto const edited = machine.push(files);
  CHECK(edited.bytes < 700'000);
  files["many/1500"] = "changed";
  auto const small = machine.push(files);
  CHECK(small.bytes < 40'000);
  CHECK(small.chunks <= 4);
  CHECK(restore(machine, small.id) == files);
}

TEST_CASE("nothing in the bucket shows names, contents or the order of things", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = make_memory_store(clock, false);
  Machine machine(store);
  machine.push(some_files());
  for (std::string const& key : keys_of(*store)) {
    std::string const bytes = get_text(*store, key, 100'000'000, {}).value();
    for (char const* const word : {"openclaw.json", "many/", "agents", "not UTF-8", "role", "host", "correct horse"})
      CHECK(bytes.find(word) == std::string::npos);
    if (key.find("/packs/") != std::string::npos || key.find("/index/") != std::string::npos)
      CHECK(key.ends_with(to_hex(sha256(bytes))));
  }
}

TEST_CASE("the record of chunks is made again from the bucket", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = make_memory_store(clock, true);
  Machine machine(store);
  Files const files = some_files();
  auto const a = machine.push(files);
  machine.repository.reset();
  for (char const* suffix : {"", "-wal", "-shm"}) ::unlink((machine.scratch.path() + "/packed.sqlite" + suffix).c_str());
  std::ofstream(machine.scratch.path() + "/packed.sqlite") << "rubbish, and not a little of it, so that it is no database";
  machine.open();
  CHECK(restore(machine, a.id) == files);
  // What files consist of was forgotten, so they are read again; nothing of them is stored again.
  CHECK(machine.push(files).chunks == 0);
}

TEST_CASE("the reference reader restores what we write", "[packed_repository]") {
  Scratch const bucket;
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = open_directory_store(bucket.path(), "b").value();
  Machine machine(store);
  Files const first = some_files();
  auto const a = machine.push(first);
  Files second = first;
  second["random.bin"].insert(1'000'000, "in between");
  auto const b = machine.push(second);

  Scratch const target;
  std::string const secret = target.path() + "/secret";
  std::ofstream(secret) << "correct horse";
  std::string const reader = "python3 " + source_directory() + "/tests/reference/read_repository.py " + bucket.path() +
                             "/b p --kind passphrase --secret-file " + secret + " ";
  REQUIRE(std::system((reader + "check >" + target.path() + "/check.txt 2>&1").c_str()) == 0);
  for (auto const& [id, files] : {std::pair(a.id, first), std::pair(b.id, second)}) {
    std::string const to = target.path() + "/" + id.text;
    REQUIRE(std::system((reader + "restore " + id.text + " " + to + " >" + target.path() + "/out.txt 2>&1").c_str()) == 0);
    for (auto const& [path, text] : files) CHECK(read_file(join_path(to, path), 10'000'000).value() == text);
    char linked[64];
    CHECK(std::string(linked, static_cast<std::size_t>(::readlink((to + "/link").c_str(), linked, sizeof linked))) == "openclaw.json");
  }
  // One flipped bit: named, and the exit code tells.
  std::string pack;
  for (std::string const& key : keys_of(*store))
    if (key.find("/packs/") != std::string::npos) pack = bucket.path() + "/b/" + key;
  std::string bytes = read_file(pack, 100'000'000).value();
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(pack, std::ios::binary | std::ios::trunc) << bytes;
  CHECK(std::system((reader + "check >" + target.path() + "/check.txt 2>&1").c_str()) != 0);
}
