#include "core/engine/packed_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/packed/snapshots.h"
#include "core/snapshot/load.h"
#include "core/util/file.h"
#include "core/util/read_at.h"

namespace b2b {
namespace {

constexpr std::size_t id_bytes = sizeof(packed::ChunkId);
constexpr std::size_t write_bytes = 32 << 10;  // of ids at a time

// CatalogEntry::stored_name of a file: "<number of its first id in the scratch file>:<how many>".
struct Place {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

std::string format_place(Place const& place) { return std::to_string(place.first) + ":" + std::to_string(place.count); }

std::optional<Place> parse_place(std::string_view text) {
  Place place;
  char const* const end = text.data() + text.size();
  auto const first = std::from_chars(text.data(), end, place.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return std::nullopt;
  auto const count = std::from_chars(first.ptr + 1, end, place.count);
  if (count.ec != std::errc() || count.ptr != end) return std::nullopt;
  return place;
}

class CatalogFiller final : public packed::EntryLineVisitor {
 public:
  CatalogFiller(SnapshotId const& id, Catalog& catalog, std::vector<RejectedPath>& rejected, ByteSink& ids)
      : id_(id), catalog_(catalog), rejected_(rejected), ids_(ids) {}

  Result<void> entry(Entry&& entry, std::uint64_t chunks) override {
    CatalogEntry row;
    row.entry = std::move(entry);
    if (row.entry.type == EntryType::file) row.stored_name = format_place({written_, chunks});
    return take_entry(id_, std::move(row), catalog_, rejected_);
  }
  Result<void> chunks(std::span<packed::ChunkId const> ids, bool) override {
    written_ += ids.size();
    waiting_.append(reinterpret_cast<char const*>(ids.data()), ids.size() * id_bytes);
    return waiting_.size() < write_bytes ? Result<void>() : write_waiting();
  }
  Result<void> write_waiting() {
    B2B_TRY(ids_.write(as_bytes(waiting_)));
    waiting_.clear();
    return {};
  }

 private:
  SnapshotId const& id_;
  Catalog& catalog_;
  std::vector<RejectedPath>& rejected_;
  ByteSink& ids_;
  std::uint64_t written_ = 0;
  std::string waiting_;
};

}  // namespace

Result<void> PackedList::visit_chunks(CatalogEntry const& entry,
                                      std::function<Result<void>(std::span<packed::ChunkId const>)> const& visit) const {
  auto const place = parse_place(entry.stored_name);
  B2B_ASSERT(place.has_value());
  std::vector<packed::ChunkId> ids;
  for (std::uint64_t done = 0; done < place->count; done += ids.size()) {
    ids.resize(std::min<std::uint64_t>(place->count - done, packed::EntryLineReader::max_ids_at_once));
    std::span<std::uint8_t> const bytes(reinterpret_cast<std::uint8_t*>(ids.data()), ids.size() * id_bytes);
    constexpr std::string_view doing = "read the list of chunks of";
    B2B_ASSIGN(std::size_t const got, read_at(ids_.get(), bytes, (place->first + done) * id_bytes, doing, entry.entry.path));
    if (got < bytes.size()) return errno_error(EIO, doing, entry.entry.path);
    B2B_TRY(visit(ids));
  }
  return {};
}

Result<LoadedSnapshot> load_packed_snapshot(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir) {
  B2B_ASSIGN(auto repository, context.packed->open_to_read(context));
  B2B_ASSIGN(packed::SnapshotPayload snapshot, packed::read_snapshot(*repository, id, context.stop));
  B2B_ASSIGN(Catalog catalog, Catalog::create(scratch_file(scratch_dir, "catalog")));
  std::string const ids_path = scratch_file(scratch_dir, "chunks");
  B2B_ASSIGN(auto sink, FileSink::create(ids_path));
  B2B_ASSIGN(UniqueFd ids, open_file(ids_path, O_RDONLY, "read the list of chunks"));
  ::unlink(ids_path.c_str());  // it goes with its descriptor
  std::vector<RejectedPath> rejected;
  {
    B2B_ASSIGN(TemporaryDirectory const packs, TemporaryDirectory::create(scratch_dir, "list-"));
    packed::ChunkReader reader(repository, packs.path(), context.stop);
    CatalogFiller filler(id, catalog, rejected, *sink);
    B2B_TRY(packed::read_list(reader, snapshot, filler));
    B2B_TRY(filler.write_waiting());
  }
  LoadedSnapshot loaded{{std::move(snapshot.info), Signature::valid}, std::move(catalog), bad_paths(rejected), {}};
  loaded.packed = std::make_shared<PackedList>(std::move(repository), std::move(ids));
  return loaded;
}

}  // namespace b2b
