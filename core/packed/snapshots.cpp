#include "core/packed/snapshots.h"

#include <algorithm>
#include <array>

#include "core/packed/list_sink.h"
#include "core/packed/put_snapshot.h"
#include "core/packed/sealed_object.h"
#include "core/util/worker_pool.h"

namespace b2b::packed {
namespace {

constexpr std::size_t list_chunks_at_once = 8;

Result<void> add_file(Repository& repository, ChunkWriter& writer, EntryLineWriter& lines, Entry const& entry) {
  auto const there = [&](ChunkId const& id) { return writer.underway(id); };
  B2B_ASSIGN(auto const chunks, repository.index->count_chunks(entry.hash, entry.size, there));
  if (!chunks) return make_error(Condition::internal, "the content of " + printable(entry.path) + " was not stored", "Push again");
  B2B_TRY(lines.begin(entry, *chunks));
  return repository.index->visit_chunks(entry.hash, entry.size, [&](std::span<ChunkId const> ids) { return lines.add_chunks(ids); });
}

// Every chunk that the snapshot needs is in a pack that is there to stay.
Result<bool> all_there(Repository& repository, SnapshotPayload const& snapshot, Catalog& catalog) {
  B2B_ASSIGN(bool const list, list_is_there(*repository.index, snapshot));
  if (!list) return false;
  return contents_are_there(*repository.index, catalog);
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
  snapshot.info = std::move(info);
  SnapshotToPut put{snapshot, writer.start(), [&] { return all_there(repository, snapshot, catalog); }, std::nullopt};
  B2B_ASSIGN(std::uint64_t const object_bytes, put_snapshot(repository, std::move(put), stop));
  committed.bytes_uploaded += object_bytes;
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

Result<SnapshotPayload> read_snapshot(Repository const& repository, SnapshotId const& id, std::stop_token const& stop, Sha256Digest* digest) {
  std::string const key = snapshot_key(repository.prefix, id.text);
  auto const once = [&]() -> Result<SnapshotPayload> {
    B2B_ASSIGN(std::string const object, get_text(*repository.store, key, 2 * max_payload_bytes, stop));
    if (digest != nullptr) *digest = sha256(object);
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
  return is_whole(repository, snapshot, scratch_dir, stop);
}

Result<bool> is_whole(std::shared_ptr<Repository> const& repository, SnapshotPayload const& snapshot, std::string const& scratch_dir,
                      std::stop_token const& stop) {
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
