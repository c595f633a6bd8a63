#include "core/packed/snapshots.h"

#include <algorithm>
#include <array>

#include "core/packed/hidden_repository.h"
#include "core/packed/marks.h"
#include "core/packed/sealed_object.h"
#include "core/util/worker_pool.h"

namespace b2b::packed {
namespace {

constexpr std::size_t list_chunks_at_once = 8;

// What is written comes out as list chunks.
class ListSink final : public ByteSink {
 public:
  ListSink(Repository const& repository, ChunkWriter& writer, SnapshotPayload& snapshot)
      : snapshot_(snapshot),
        chunker_(repository.config.list, repository.gear, [&writer, &snapshot](std::span<std::uint8_t const> chunk) -> Result<void> {
          B2B_ASSIGN(ChunkId const id, writer.add(ChunkType::list, chunk));
          snapshot.list.push_back(id);
          return {};
        }) {}
  Result<void> write(std::span<std::uint8_t const> bytes) override {
    snapshot_.list_bytes += bytes.size();
    return chunker_.feed(bytes);
  }
  Result<void> restart() override { return make_error(Condition::internal, "a list cannot be begun again"); }
  Result<void> finish() { return chunker_.finish(); }

 private:
  SnapshotPayload& snapshot_;
  Chunker chunker_;
};

Result<void> add_file(Repository& repository, ChunkWriter& writer, EntryLineWriter& lines, Entry const& entry) {
  auto const there = [&](ChunkId const& id) { return writer.underway(id); };
  B2B_ASSIGN(auto const chunks, repository.index->count_chunks(entry.hash, entry.size, there));
  if (!chunks) return make_error(Condition::internal, "the content of " + printable(entry.path) + " was not stored", "Push again");
  B2B_TRY(lines.begin(entry, *chunks));
  return repository.index->visit_chunks(entry.hash, entry.size, [&](std::span<ChunkId const> ids) { return lines.add_chunks(ids); });
}

Result<void> check_still_ours(Repository const& repository, std::stop_token const& stop) {
  auto const text = get_text(*repository.store, config_key(repository.prefix), max_config_bytes, stop);
  if (!text && text.error().condition == Condition::not_found) B2B_TRY(refuse_hidden_repository(*repository.store, repository.prefix, stop));
  B2B_TRY(text);
  B2B_ASSIGN(RepositoryConfig const config, parse_config(*text));
  if (config.id != repository.config.id)
    return make_error(Condition::changed, "another machine has made a repository of its own under this prefix",
                      "Push again: it goes into the one that is there now");
  return {};
}

Result<bool> list_is_there(ChunkIndex& index, SnapshotPayload const& snapshot) {
  for (ChunkId const& id : snapshot.list) {
    B2B_ASSIGN(bool const there, index.has(ChunkType::list, id));
    if (!there) return false;
  }
  return true;
}

// Every chunk that the snapshot needs is in a pack that is there to stay.
Result<bool> all_there(Repository& repository, SnapshotPayload const& snapshot, Catalog& catalog) {
  B2B_ASSIGN(bool const list, list_is_there(*repository.index, snapshot));
  if (!list) return false;
  return contents_are_there(*repository.index, catalog);
}

// What this push relies on may have been marked by a collection since it began; or taken, if the machine slept for a day. `seen` is what the
// push rests on, and is brought up to date.
Result<bool> still_there(Repository& repository, ChunkWriter::Start& seen, SnapshotPayload const& snapshot, Catalog& catalog,
                         std::stop_token const& stop) {
  B2B_TRY(read_marks(repository, stop));
  std::uint64_t const losses = repository.index->losses();
  B2B_ASSIGN(TimePoint const now, repository.store->now(stop));
  bool const slept = now - seen.synced_at > push_limit;
  if (losses == seen.losses && !slept) return true;
  // What is marked may have been put together in new packs.
  std::vector<std::string> problems;
  B2B_TRY(sync_index(repository, problems, stop));
  if (slept) B2B_TRY(look_for_packs(repository, stop));
  seen = {now, losses};
  return all_there(repository, snapshot, catalog);
}

Error collected_meanwhile() {
  return make_error(Condition::changed, "a collection took, or is about to take, what this snapshot relied on",
                    "Push again: what is missing is stored again");
}

}  // namespace

Result<bool> contents_are_there(ChunkIndex& index, Catalog& catalog) {
  bool all = true;
  B2B_TRY(catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
    if (row.entry.type != EntryType::file || row.stored_name.empty() || !all) return {};
    B2B_ASSIGN(auto const chunks, index.count_chunks(row.entry.hash, row.entry.size));
    all = chunks.has_value();
    return {};
  }));
  return all;
}

Result<CommittedSnapshot> commit_snapshot(Repository& repository, ChunkWriter& writer, SnapshotInfo info, Catalog& catalog,
                                          std::stop_token const& stop) {
  SnapshotPayload snapshot;
  info.layout = SnapshotLayout::packed;
  info.ours = true;
  info.encrypted = true;
  info.key_salt_hex.clear();
  info.files = 0;
  info.bytes = 0;
  {
    ListSink sink(repository, writer, snapshot);
    EntryLineWriter lines(sink);
    B2B_TRY(catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
      if (row.entry.type != EntryType::file) return lines.append(row.entry, {});
      if (row.stored_name.empty()) return {};
      ++info.files;
      info.bytes += row.entry.size;
      info.complete = info.complete && !row.entry.damaged;
      return add_file(repository, writer, lines, row.entry);
    }));
    B2B_TRY(lines.finish());
    B2B_TRY(sink.finish());
    snapshot.entries = lines.entries();
  }
  B2B_TRY(writer.flush());
  B2B_TRY(repository.store->flush(stop));
  CommittedSnapshot committed;
  B2B_ASSIGN(committed.bytes_uploaded, write_index(repository, stop));
  B2B_TRY(repository.store->flush(stop));
  B2B_TRY(check_still_ours(repository, stop));
  ChunkWriter::Start seen = writer.start();
  B2B_ASSIGN(bool const ready, still_there(repository, seen, snapshot, catalog, stop));
  if (!ready) return collected_meanwhile();

  std::string const name = info.id.text;
  snapshot.info = std::move(info);
  B2B_ASSIGN(std::string object,
             seal_object(SealedKind::snapshot, repository.master, repository.config.id, name, format_snapshot(snapshot)));
  committed.bytes_uploaded += object.size();
  B2B_TRY(repository.store->put(snapshot_key(repository.prefix, name), MemorySource(std::move(object)), stop));
  B2B_TRY(repository.store->flush(stop));
  // The machine may have slept between the last look and the snapshot's arrival.
  B2B_ASSIGN(TimePoint const now, repository.store->now(stop));
  if (now - seen.synced_at > push_limit) {
    B2B_ASSIGN(bool const kept, still_there(repository, seen, snapshot, catalog, stop));
    if (!kept) {
      B2B_TRY(remove_all(*repository.store, snapshot_key(repository.prefix, name), stop));
      return collected_meanwhile();
    }
  }
  committed.info = std::move(snapshot.info);
  return committed;
}

Result<std::vector<SnapshotId>> list_snapshots(Store& store, std::string_view prefix, std::stop_token const& stop) {
  std::vector<SnapshotId> found;
  ListOptions options;
  options.prefix = snapshots_prefix(prefix);
  B2B_TRY(store.list(
      options,
      [&](ListEntry const& entry) {
        if (auto id = parse_snapshot_id(std::string_view(entry.object.key).substr(options.prefix.size()))) found.push_back(std::move(*id));
        return true;
      },
      stop));
  std::sort(found.begin(), found.end(), id_before);
  return found;
}

Result<SnapshotPayload> read_snapshot(Repository const& repository, SnapshotId const& id, std::stop_token const& stop) {
  std::string const key = snapshot_key(repository.prefix, id.text);
  auto const once = [&]() -> Result<SnapshotPayload> {
    B2B_ASSIGN(std::string const object, get_text(*repository.store, key, 2 * max_payload_bytes, stop));
    B2B_ASSIGN(std::string const payload,
               open_object(SealedKind::snapshot, repository.master, repository.config.id, id.text, object));
    return parse_snapshot(payload, id);
  };
  auto read = once();
  if (!read && read.error().condition == Condition::corrupt) read = once();  // it may have been the way here
  if (read) return read;
  Error error = read.error();
  if (error.condition == Condition::not_found) error.message = "there is no snapshot " + printable(id.text);
  error.subject = key;
  return error;
}

namespace {

class LooksForChunks final : public EntryLineVisitor {
 public:
  explicit LooksForChunks(ChunkIndex& index) : index_(index) {}
  Result<void> entry(Entry&&, std::uint64_t) override { return {}; }
  Result<void> chunks(std::span<ChunkId const> ids, bool) override {
    for (ChunkId const& id : ids) {
      B2B_ASSIGN(bool const there, index_.has(ChunkType::data, id));
      all_ = all_ && there;
    }
    return {};
  }
  bool all() const { return all_; }

 private:
  ChunkIndex& index_;
  bool all_ = true;
};

}  // namespace

Result<bool> is_whole(std::shared_ptr<Repository> const& repository, SnapshotId const& id, std::string const& scratch_dir, std::stop_token const& stop) {
  B2B_ASSIGN(SnapshotPayload const snapshot, read_snapshot(*repository, id, stop));
  B2B_ASSIGN(bool const list, list_is_there(*repository->index, snapshot));
  if (!list) return false;
  ChunkReader reader(repository, scratch_dir, stop);
  LooksForChunks looks(*repository->index);
  auto const read = read_list(reader, snapshot, looks);
  if (!read && read.error().condition != Condition::corrupt && read.error().condition != Condition::not_found) return read.error();
  return read && looks.all();
}

Result<void> read_list(ChunkReader& reader, SnapshotPayload const& snapshot, EntryLineVisitor& visitor) {
  B2B_TRY(reader.expect(ChunkType::list, snapshot.list));
  EntryLineReader lines(snapshot.info.id.text, visitor);
  std::uint64_t bytes = 0;
  std::span<ChunkId const> left(snapshot.list);
  WorkerPool pool(list_chunks_at_once, list_chunks_at_once);
  while (!left.empty()) {
    auto const ids = left.first(std::min(left.size(), list_chunks_at_once));
    left = left.subspan(ids.size());
    std::array<std::string, list_chunks_at_once> contents;
    std::array<Result<void>, list_chunks_at_once> read;
    auto const read_one = [&](std::size_t i) { read[i] = reader.read(ChunkType::list, ids[i], contents[i]); };
    if (ids.size() == 1) read_one(0);  // most lists are small: no threads for that
    for (std::size_t i = 0; ids.size() > 1 && i < ids.size(); ++i) pool.submit([&, i] { read_one(i); });
    pool.wait();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!read[i]) {
        Error error = read[i].error();
        error.message = "the list of snapshot " + printable(snapshot.info.id.text) + " cannot be read: " + error.message;
        return error;
      }
      bytes += contents[i].size();
      B2B_TRY(lines.feed(as_bytes(contents[i])));
    }
  }
  B2B_TRY(lines.finish());
  if (bytes != snapshot.list_bytes || lines.entries() != snapshot.entries)
    return make_error(Condition::corrupt, "the list of snapshot " + printable(snapshot.info.id.text) + " is not as long as it says");
  return {};
}

}  // namespace b2b::packed
