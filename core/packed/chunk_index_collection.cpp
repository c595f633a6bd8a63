// What a collection asks of the record of chunks: what is condemned, what is live, and what may go (chunk_index.h).
#include "core/packed/chunk_index.h"
#include "core/packed/column_bytes.h"

namespace b2b::packed {

// A table of ids that is made anew.
Result<void> ChunkIndex::fill_table(std::string_view table, std::span<PackId const> packs) {
  std::string const name(table);
  B2B_TRY(database_.execute("DELETE FROM " + name));
  B2B_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO " + name + " VALUES(?)"));
  for (PackId const& id : packs) {
    insert.bind_blob(1, id);
    B2B_TRY(insert.run());
  }
  return {};
}

Result<void> ChunkIndex::set_condemned(std::span<PackId const> packs) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(fill_table("condemned", packs));
  B2B_ASSIGN(auto const any, database_.query_int("SELECT EXISTS(SELECT 1 FROM pack WHERE condemned = 0 AND id IN (SELECT id FROM condemned))"));
  if (any == 1) ++losses_;
  B2B_TRY(database_.execute("UPDATE pack SET condemned = EXISTS(SELECT 1 FROM condemned WHERE condemned.id = pack.id) WHERE condemned <> "
                            "EXISTS(SELECT 1 FROM condemned WHERE condemned.id = pack.id)"));
  return transaction.commit();
}

Result<std::vector<PackId>> ChunkIndex::condemned() {
  std::scoped_lock lock(mutex_);
  std::vector<PackId> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT id FROM condemned ORDER BY id"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back(bytes_of<32>(select, 0));
  }
}

Result<void> ChunkIndex::begin_live() {
  std::scoped_lock lock(mutex_);
  B2B_TRY(end_batch());
  return database_.execute(
      "CREATE TEMP TABLE IF NOT EXISTS live(id BLOB NOT NULL, type INTEGER NOT NULL, PRIMARY KEY(id, type)) WITHOUT ROWID; DELETE FROM live");
}

Result<void> ChunkIndex::add_live(ChunkType type, std::span<ChunkId const> ids) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO live VALUES(?, ?)"));
  for (ChunkId const& id : ids) {
    insert.bind_blob(1, id).bind(2, static_cast<int>(type));
    B2B_TRY(insert.run());
  }
  return transaction.commit();
}

Result<std::vector<PackId>> ChunkIndex::removable(std::span<PackId const> candidates) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(database_.execute("CREATE TEMP TABLE IF NOT EXISTS candidate(id BLOB PRIMARY KEY) WITHOUT ROWID;"
                            "CREATE TEMP TABLE IF NOT EXISTS leaving(n INTEGER PRIMARY KEY); DELETE FROM leaving"));
  B2B_TRY(fill_table("candidate", candidates));
  struct Candidate {
    std::int64_t n;
    PackId id;
  };
  std::vector<Candidate> ordered;
  B2B_ASSIGN(auto select, database_.prepare("SELECT n, id, (SELECT COALESCE(SUM(box_bytes), 0) FROM chunk JOIN live ON live.id = chunk.id AND live.type = "
                                            "chunk.type WHERE chunk.pack = pack.n) AS needed FROM pack WHERE id IN (SELECT id FROM candidate) ORDER BY needed, n"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) break;
    ordered.push_back({select.column_int(0), bytes_of<32>(select, 1)});
  }
  // A live chunk of this pack that no pack which stays has as well.
  B2B_ASSIGN(auto needed, database_.prepare("SELECT 1 FROM chunk JOIN live ON live.id = chunk.id AND live.type = chunk.type WHERE chunk.pack = ?1 AND "
                                            "NOT EXISTS (SELECT 1 FROM chunk AS other JOIN pack ON pack.n = other.pack WHERE other.id = chunk.id AND "
                                            "other.type = chunk.type AND other.pack <> ?1 AND pack.state = 2 AND pack.condemned = 0 AND "
                                            "other.pack NOT IN (SELECT n FROM leaving)) LIMIT 1"));
  B2B_ASSIGN(auto leave, database_.prepare("INSERT INTO leaving VALUES(?)"));
  std::vector<PackId> out;
  for (Candidate const& candidate : ordered) {
    needed.bind(1, candidate.n);
    B2B_ASSIGN(bool const stays, needed.step());
    needed.reset();
    if (stays) continue;
    leave.bind(1, candidate.n);
    B2B_TRY(leave.run());
    out.push_back(candidate.id);
  }
  B2B_TRY(transaction.commit());
  return out;
}

Result<std::uint64_t> ChunkIndex::count_missing_live() {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto const count, database_.query_int("SELECT COUNT(*) FROM live WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.id = live.id AND "
                                                   "chunk.type = live.type)"));
  return static_cast<std::uint64_t>(count.value_or(0));
}

Result<ChunkIndex::Rewrite> ChunkIndex::without(std::span<PackId const> packs) {
  std::scoped_lock lock(mutex_);
  Rewrite out;
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(database_.execute("CREATE TEMP TABLE IF NOT EXISTS candidate(id BLOB PRIMARY KEY) WITHOUT ROWID"));
  B2B_TRY(fill_table("candidate", packs));
  constexpr std::string_view touched =
      "(SELECT index_object FROM named JOIN pack ON pack.n = named.pack WHERE pack.id IN (SELECT id FROM candidate))";
  // What they had replaced may still lie in the store, if a collection died, and would count again without them.
  B2B_ASSIGN(auto replaced, database_.prepare("WITH RECURSIVE below(n) AS (SELECT n FROM index_object WHERE n IN " + std::string(touched) +
                                              " UNION SELECT old FROM replacement JOIN below ON by = below.n) SELECT id FROM index_object WHERE n IN below"));
  while (true) {
    B2B_ASSIGN(bool const row, replaced.step());
    if (!row) break;
    out.replaced.push_back(bytes_of<32>(replaced, 0));
  }
  B2B_ASSIGN(auto rest, database_.prepare("SELECT DISTINCT pack.n FROM named JOIN pack ON pack.n = named.pack WHERE index_object IN " +
                                          std::string(touched) + " AND pack.id NOT IN (SELECT id FROM candidate) ORDER BY pack.n"));
  while (true) {
    B2B_ASSIGN(bool const row, rest.step());
    if (!row) break;
    B2B_ASSIGN(PackRecord pack, read_pack(rest.column_int(0)));
    out.packs.push_back(std::move(pack));
  }
  B2B_TRY(transaction.commit());
  return out;
}

}  // namespace b2b::packed
