// What forgetting asks of the record of chunks (chunk_index.h, forget.h).
#include "core/packed/chunk_index.h"
#include "core/packed/column_bytes.h"

namespace b2b::packed {

Result<void> ChunkIndex::add_forgotten(ChunkType type, std::span<ChunkId const> ids) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO forgotten VALUES(?, ?)"));
  for (ChunkId const& id : ids) {
    insert.bind_blob(1, id).bind(2, static_cast<int>(type));
    B2B_TRY(insert.run());
  }
  return transaction.commit();
}

Result<std::vector<PackId>> ChunkIndex::packs_to_forget() {
  std::scoped_lock lock(mutex_);
  B2B_TRY(end_batch());
  B2B_TRY(database_.execute("DELETE FROM forgotten WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.id = forgotten.id AND chunk.type = forgotten.type)"));
  std::vector<PackId> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT DISTINCT pack.id FROM forgotten CROSS JOIN chunk ON chunk.id = forgotten.id AND chunk.type = forgotten.type "
                                            "CROSS JOIN pack ON pack.n = chunk.pack WHERE NOT EXISTS (SELECT 1 FROM live WHERE live.id = forgotten.id AND "
                                            "live.type = forgotten.type) ORDER BY pack.id"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back(bytes_of<32>(select, 0));
  }
}

}  // namespace b2b::packed
