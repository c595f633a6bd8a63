// What repacking and merging ask of the record of chunks (chunk_index.h).
#include "core/packed/chunk_index.h"
#include "core/packed/column_bytes.h"

namespace b2b::packed {

Result<std::vector<ChunkIndex::PackUse>> ChunkIndex::pack_uses() {
  std::scoped_lock lock(mutex_);
  B2B_TRY(end_batch());
  std::vector<PackUse> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT pack.id, pack.bytes, COALESCE(SUM(box_bytes), 0), COALESCE(SUM(CASE WHEN live.id IS NULL THEN 0 ELSE "
                                            "box_bytes END), 0) FROM pack LEFT JOIN chunk ON chunk.pack = pack.n LEFT JOIN live ON live.id = "
                                            "chunk.id AND live.type = chunk.type WHERE state = 2 AND condemned = 0 GROUP BY pack.n"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    PackUse& use = out.emplace_back();
    use.id = bytes_of<32>(select, 0);
    use.bytes = static_cast<std::uint64_t>(select.column_int(1));
    use.box_bytes = static_cast<std::uint64_t>(select.column_int(2));
    use.live_bytes = static_cast<std::uint64_t>(select.column_int(3));
  }
}

Result<std::vector<std::uint64_t>> ChunkIndex::share_out_live(std::span<PackId const> packs) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(database_.execute("CREATE TEMP TABLE IF NOT EXISTS given(id BLOB NOT NULL, type INTEGER NOT NULL, pack INTEGER NOT NULL, "
                            "PRIMARY KEY(id, type)) WITHOUT ROWID; DELETE FROM given"));
  B2B_ASSIGN(auto give, database_.prepare("INSERT OR IGNORE INTO given SELECT chunk.id, chunk.type, chunk.pack FROM chunk CROSS JOIN live ON live.id = "
                                          "chunk.id AND live.type = chunk.type WHERE chunk.pack = (SELECT n FROM pack WHERE id = ?)"));
  B2B_ASSIGN(auto sum, database_.prepare("SELECT COALESCE(SUM(box_bytes), 0) FROM chunk CROSS JOIN given ON given.id = chunk.id AND given.type = "
                                         "chunk.type AND given.pack = chunk.pack WHERE chunk.pack = (SELECT n FROM pack WHERE id = ?)"));
  std::vector<std::uint64_t> bytes;
  bytes.reserve(packs.size());
  for (PackId const& id : packs) {
    give.bind_blob(1, id);
    B2B_TRY(give.run());
    sum.bind_blob(1, id);
    B2B_ASSIGN(bool const row, sum.step());
    B2B_ASSERT(row);
    bytes.push_back(static_cast<std::uint64_t>(sum.column_int(0)));
    sum.reset();
  }
  B2B_TRY(transaction.commit());
  return bytes;
}

Result<std::vector<ChunkIndex::ChunkName>> ChunkIndex::given_to(PackId const& pack) {
  std::scoped_lock lock(mutex_);
  std::vector<ChunkName> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT chunk.type, chunk.id FROM chunk CROSS JOIN given ON given.id = chunk.id AND given.type = chunk.type AND "
                                            "given.pack = chunk.pack WHERE chunk.pack = (SELECT n FROM pack WHERE id = ?) ORDER BY number"));
  select.bind_blob(1, pack);
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back({static_cast<ChunkType>(select.column_int(0)), bytes_of<32>(select, 1)});
  }
}

Result<std::vector<ChunkIndex::IndexUse>> ChunkIndex::index_objects_to_merge(std::size_t below_bytes) {
  std::scoped_lock lock(mutex_);
  std::vector<IndexUse> out;
  PackRecord one;
  std::string const empty_pack = std::to_string(index_bytes(one));
  one.chunks.resize(1);
  std::string const place = std::to_string(index_bytes(one) - index_bytes({}));
  B2B_ASSIGN(auto select,
             database_.prepare("SELECT id, (SELECT COALESCE(SUM(" + empty_pack + " + " + place + " * (SELECT COUNT(*) FROM chunk WHERE chunk.pack = "
                               "named.pack)), 0) FROM named WHERE index_object = object.n) AS size FROM index_object AS object "
                               "WHERE n NOT IN (SELECT old FROM replacement) "
                               "AND NOT EXISTS (SELECT 1 FROM named JOIN pack ON pack.n = named.pack WHERE index_object = object.n AND condemned <> 0) "
                               "AND (size < ? OR EXISTS (SELECT 1 FROM named JOIN named AS twice ON twice.pack = named.pack AND twice.index_object <> "
                               "named.index_object WHERE named.index_object = object.n)) ORDER BY size, id"));
  select.bind(1, static_cast<std::int64_t>(below_bytes));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back({bytes_of<32>(select, 0), static_cast<std::size_t>(select.column_int(1))});
  }
}

Result<ChunkIndex::Rewrite> ChunkIndex::together(std::span<IndexId const> objects) {
  std::scoped_lock lock(mutex_);
  Rewrite out;
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(database_.execute("CREATE TEMP TABLE IF NOT EXISTS merging(id BLOB PRIMARY KEY) WITHOUT ROWID"));
  B2B_TRY(fill_table("merging", objects));
  // What they had replaced may still lie in the store.
  B2B_ASSIGN(auto replaced, database_.prepare("WITH RECURSIVE below(n) AS (SELECT n FROM index_object WHERE id IN (SELECT id FROM merging) UNION SELECT old "
                                              "FROM replacement JOIN below ON by = below.n) SELECT id FROM index_object WHERE n IN below"));
  while (true) {
    B2B_ASSIGN(bool const row, replaced.step());
    if (!row) break;
    out.replaced.push_back(bytes_of<32>(replaced, 0));
  }
  B2B_ASSIGN(auto packs, database_.prepare("SELECT DISTINCT named.pack FROM named JOIN index_object ON index_object.n = named.index_object WHERE "
                                           "index_object.id IN (SELECT id FROM merging) ORDER BY named.pack"));
  while (true) {
    B2B_ASSIGN(bool const row, packs.step());
    if (!row) break;
    B2B_ASSIGN(PackRecord pack, read_pack(packs.column_int(0)));
    out.packs.push_back(std::move(pack));
  }
  B2B_TRY(transaction.commit());
  return out;
}

}  // namespace b2b::packed
