// What a survey asks of a record of chunks, and forgets in it (chunk_index.h).
#include "core/packed/chunk_index.h"
#include "core/packed/column_bytes.h"

namespace b2b::packed {

Result<std::vector<ChunkIndex::NeededPack>> ChunkIndex::needed_packs() {
  std::scoped_lock lock(mutex_);
  std::vector<NeededPack> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT pack.id, pack.bytes, COUNT(*) FROM live CROSS JOIN chunk ON chunk.id = live.id AND chunk.type = live.type "
                                            "CROSS JOIN pack ON pack.n = chunk.pack GROUP BY pack.n ORDER BY pack.id"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back({bytes_of<32>(select, 0), static_cast<std::uint64_t>(select.column_int(1)), static_cast<std::uint64_t>(select.column_int(2))});
  }
}

Result<std::optional<PackRecord>> ChunkIndex::pack(PackId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto select, database_.prepare("SELECT n FROM pack WHERE id = ?"));
  select.bind_blob(1, id);
  B2B_ASSIGN(bool const row, select.step());
  if (!row) return std::optional<PackRecord>();
  B2B_ASSIGN(PackRecord record, read_pack(select.column_int(0)));
  return std::optional(std::move(record));
}

Result<void> ChunkIndex::forget_boxes(PackId const& id, std::span<std::uint32_t const> numbers) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_ASSIGN(auto remove, database_.prepare("DELETE FROM chunk WHERE pack = (SELECT n FROM pack WHERE id = ?) AND number = ?"));
  for (std::uint32_t const number : numbers) {
    remove.bind_blob(1, id).bind(2, number);
    B2B_TRY(remove.run());
  }
  return transaction.commit();
}

Result<void> ChunkIndex::forget_boxes_past(PackId const& id, std::uint64_t bytes) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_ASSIGN(auto remove, database_.prepare("DELETE FROM chunk WHERE pack = (SELECT n FROM pack WHERE id = ?) AND offset + box_bytes > ?"));
  remove.bind_blob(1, id).bind(2, static_cast<std::int64_t>(bytes));
  B2B_TRY(remove.run());
  return transaction.commit();
}

}  // namespace b2b::packed
