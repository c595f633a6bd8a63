// Machines that push into one repository and restore from it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/packed/key_store.h"
#include "core/packed/snapshots.h"
#include "core/packed/store_content.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

namespace b2b::packed::test {

using Files = std::map<std::string, std::string>;

inline std::string random_text(std::size_t bytes) {
  std::string text(bytes, '\0');
  random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

inline std::string log_text(std::size_t lines, unsigned from = 0) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i)
    text += "{\"role\":\"user\",\"n\":" + std::to_string(from + i) + ",\"text\":\"" +
            std::to_string((from + i) * 2654435761U) + "\"}\n";
  return text;
}

inline Result<OpenedRepository> open_keys(Store& store, Clock& clock, NewRepository const& wanted = {}) {
  SlotSecret const secrets[] = {{SlotKind::passphrase, Secret("correct horse")}};
  return KeyStore(store, "p", {}, clock).open_or_create(wanted, secrets, {});
}

// The keys of a repository without a slot: to derive one takes longer than all else in most tests.
inline OpenedRepository some_keys() {
  OpenedRepository keys;
  keys.config.id = RepositoryId{5};
  keys.master = Key(Sha256Digest{6});
  return keys;
}

inline std::shared_ptr<Store> store_with(OpenedRepository const& keys, Clock& clock, bool versioned = true) {
  std::shared_ptr<Store> store = make_memory_store(clock, versioned);
  REQUIRE(store->put(config_key("p"), MemorySource(format_config(keys.config)), {}));
  return store;
}

inline std::vector<std::string> keys_of(Store& store, std::string const& prefix = {}) {
  std::vector<std::string> keys;
  ListOptions options;
  options.prefix = prefix;
  REQUIRE(store.list(
      options, [&](ListEntry const& entry) { return keys.push_back(entry.object.key), true; }, {}));
  return keys;
}

struct Machine {
  // The key comes out of the store with the passphrase, or (quicker) from somebody who got it that way.
  explicit Machine(std::shared_ptr<Store> store_in, NewRepository const& wanted = {}) : store(std::move(store_in)) {
    auto const opened = open_keys(*store, clock, wanted);
    REQUIRE(opened);
    keys = *opened;
    open();
    CHECK(problems.empty());
  }
  Machine(std::shared_ptr<Store> store_in, OpenedRepository const& opened) : store(std::move(store_in)), keys(opened) { open(); }

  // Again from the data directory, as after a restart.
  void open() {
    repository.reset();
    auto index = ChunkIndex::open(scratch.path(), keys.config.id);
    // No assertion of Catch's here: several machines may live on threads of their own.
    if (!index) {
      synced = index.error();
      return;
    }
    repository = std::make_shared<Repository>(store, "p", keys.config, keys.master, *index, read_only);
    problems.clear();
    synced = sync_index(*repository, problems, {});
  }

  struct Pushed {
    SnapshotId id;
    std::uint64_t bytes = 0;
    std::uint64_t chunks = 0;
  };

  Result<Pushed> try_push(Files const& files) {
    clock.advance(std::chrono::seconds(10));
    B2B_ASSIGN(auto const writer, ChunkWriter::create(repository, scratch.path() + "/packs", {}));
    B2B_ASSIGN(auto catalog, Catalog::create(scratch.path() + "/scan.sqlite"));
    for (auto const& [path, text] : files) {
      CatalogEntry row;
      row.entry.path = path;
      row.entry.size = text.size();
      row.entry.hash = sha256(text);
      row.entry.mode = 0640;
      row.entry.mtime_ns = 1'771'502'400'123'456'789;
      row.stored_name = "-";
      B2B_TRY(store_content(*repository, *writer, MemorySource(text), row.entry.hash, row.entry.size));
      B2B_TRY(catalog.put(row));
    }
    CatalogEntry link;
    link.entry.path = "link";
    link.entry.type = EntryType::symlink;
    link.entry.target = "openclaw.json";
    B2B_TRY(catalog.put(link));
    SnapshotInfo info;
    info.id = make_snapshot_id(SnapshotKind::regular, clock.now(), 1);
    info.timestamp = format_iso8601(clock.now());
    info.host = "host";
    info.skipped = {{"gone", "unreadable"}};
    info.skipped_total = 1;
    B2B_ASSIGN(auto const committed, commit_snapshot(*repository, *writer, info, catalog, {}));
    if (committed.info.files != files.size()) return make_error(Condition::internal, "the snapshot has another number of files");
    return Pushed{info.id, committed.bytes_uploaded + writer->bytes_uploaded(), writer->chunks_added()};
  }

  Pushed push(Files const& files) {
    auto const pushed = try_push(files);
    if (!pushed) FAIL(pushed.error().text());
    return *pushed;
  }

  std::shared_ptr<Store> store;
  b2b::test::Scratch scratch;
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  OpenedRepository keys;
  std::shared_ptr<Repository> repository;
  std::vector<std::string> problems;
  Result<void> synced;
  bool read_only = false;   // for open()
};

// What a snapshot gives when it is read to its end, whatever is damaged.
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
      chunk_ids[path_].push_back(id);
      if (auto const read = reader_.read(ChunkType::data, id, content); !read) {
        failed.try_emplace(path_, read.error());
        continue;
      }
      files[path_] += content;
    }
    return {};
  }
  Files files;
  std::map<std::string, Entry> entries;
  std::map<std::string, std::vector<ChunkId>> chunk_ids;
  std::map<std::string, Error> failed;

 private:
  ChunkReader& reader_;
  std::string path_;
};

inline Files restore(Machine& machine, SnapshotId const& id) {
  b2b::test::Scratch const scratch;
  ChunkReader reader(machine.repository, scratch.path(), {});
  auto const snapshot = read_snapshot(*machine.repository, id, {});
  REQUIRE(snapshot);
  Restored restored(reader);
  REQUIRE(read_list(reader, *snapshot, restored));
  for (auto const& [path, error] : restored.failed) FAIL(path + ": " + error.text());
  CHECK(restored.entries.at("link").target == "openclaw.json");
  for (auto const& [path, text] : restored.files) CHECK(sha256(text) == restored.entries.at(path).hash);
  return std::move(restored.files);
}

}  // namespace b2b::packed::test
