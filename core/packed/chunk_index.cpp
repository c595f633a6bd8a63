#include "core/packed/chunk_index.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "core/packed/column_bytes.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::packed {
namespace {

constexpr char const* file_name = "packed.sqlite";

enum PackState { stored = 1, indexed = 2 };

constexpr char schema[] = R"sql(
  CREATE TABLE repository(id TEXT NOT NULL, owner BLOB NOT NULL);
  CREATE TABLE pack(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, salt BLOB NOT NULL, bytes INTEGER NOT NULL,
                    state INTEGER NOT NULL, stored_ns INTEGER NOT NULL, condemned INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE condemned(id BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE INDEX pack_state ON pack(state, n);
  CREATE TABLE chunk(id BLOB NOT NULL, type INTEGER NOT NULL, pack INTEGER NOT NULL, number INTEGER NOT NULL,
                     offset INTEGER NOT NULL, box_bytes INTEGER NOT NULL, content_bytes INTEGER NOT NULL,
                     PRIMARY KEY(id, type, pack)) WITHOUT ROWID;
  CREATE INDEX chunk_pack ON chunk(pack, number);
  CREATE TABLE index_object(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
  CREATE TABLE replacement(old INTEGER NOT NULL, by INTEGER NOT NULL, PRIMARY KEY(old, by)) WITHOUT ROWID;
  CREATE INDEX replacement_by ON replacement(by);
  CREATE TABLE named(index_object INTEGER NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY(index_object, pack)) WITHOUT ROWID;
  CREATE INDEX named_pack ON named(pack);
  CREATE TABLE content(hash BLOB NOT NULL, size INTEGER NOT NULL, part INTEGER NOT NULL, last INTEGER NOT NULL, chunks BLOB NOT NULL,
                       PRIMARY KEY(hash, size, part)) WITHOUT ROWID;
  PRAGMA user_version = 3;
)sql";

// Came later; what does not know it takes no notice of it.
constexpr char later_schema[] = "CREATE TABLE IF NOT EXISTS forgotten(id BLOB NOT NULL, type INTEGER NOT NULL, PRIMARY KEY(id, type)) WITHOUT ROWID";

constexpr std::string_view unnamed = "state = 2 AND NOT EXISTS (SELECT 1 FROM named WHERE named.pack = pack.n)";

Result<sqlite::Database> open_checked(std::string const& path, std::string const& repository) {
  B2B_ASSIGN(sqlite::Database database, sqlite::Database::open(path, sqlite::OpenMode::create));
  B2B_TRY(database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4096"));
  B2B_ASSIGN(auto const version, database.query_int("PRAGMA user_version"));
  B2B_ASSIGN(auto const tables, database.query_int("SELECT count(*) FROM sqlite_schema"));
  if (version == 0 && tables == 0) {
    B2B_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database));
    B2B_TRY(database.execute(schema));
    B2B_TRY(database.execute(later_schema));
    B2B_ASSIGN(auto insert, database.prepare("INSERT INTO repository VALUES(?, ?)"));
    OwnerId owner;
    random_bytes(owner);
    insert.bind_text(1, repository).bind_blob(2, owner);
    B2B_TRY(insert.run());
    B2B_TRY(transaction.commit());
    return database;
  }
  if (version != 3) return make_error(Condition::corrupt, path + " is not of this version", {}, path);
  B2B_ASSIGN(auto const of, database.query_text("SELECT id FROM repository"));
  if (of != repository) return make_error(Condition::corrupt, path + " belongs to another repository", {}, path);
  B2B_TRY(database.execute(later_schema));
  B2B_TRY(database.execute("DELETE FROM content WHERE hash = zeroblob(32)"));  // an earlier process did not finish them
  return database;
}

}  // namespace

Result<std::shared_ptr<ChunkIndex>> ChunkIndex::open(std::string const& data_dir, RepositoryId const& repository) {
  std::string const path = join_path(data_dir, file_name);
  auto database = open_checked(path, to_hex(repository));
  if (!database) {
    auto const condition = database.error().condition;
    if (condition != Condition::corrupt && condition != Condition::io) return database.error();
    log_warning("the record of stored chunks " + path + " is made anew from the bucket (" + database.error().message + ")");
    for (char const* suffix : {"", "-wal", "-shm"}) {
      std::string const old = path + suffix;
      if (::unlink(old.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove the old record of chunks", old);
    }
    database = open_checked(path, to_hex(repository));
    if (!database) return database.error();
  }
  OwnerId owner;
  {
    B2B_ASSIGN(auto select, database->prepare("SELECT owner FROM repository"));
    B2B_ASSIGN(bool const row, select.step());
    B2B_ASSERT(row);
    owner = bytes_of<16>(select, 0);
  }
  return std::shared_ptr<ChunkIndex>(new ChunkIndex(std::move(*database), owner));
}

Result<std::shared_ptr<ChunkIndex>> ChunkIndex::open_copy(std::string const& data_dir, std::string const& into, RepositoryId const& repository) {
  auto const copy = [&]() -> Result<void> {
    B2B_ASSIGN(sqlite::Database source, sqlite::Database::open(join_path(data_dir, file_name), sqlite::OpenMode::read_only));
    B2B_ASSIGN(auto vacuum, source.prepare("VACUUM INTO ?"));
    vacuum.bind_text(1, join_path(into, file_name));
    return vacuum.run();
  };
  if (path_exists(join_path(data_dir, file_name)))
    if (auto const copied = copy(); !copied) {
      log_info("the record of stored chunks cannot be copied and is read anew from the bucket: " + copied.error().message);
      if (::unlink(join_path(into, file_name).c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", join_path(into, file_name));
    }
  return open(into, repository);
}

// Prepared once, reset for each use.
Result<sqlite::Statement*> ChunkIndex::statement(std::optional<sqlite::Statement>& kept, std::string_view sql) {
  if (kept) {
    kept->reset();
  } else {
    B2B_ASSIGN(kept, database_.prepare(sql));
  }
  return &*kept;
}

Result<std::vector<FoundChunk>> ChunkIndex::find_all(ChunkType type, ChunkId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Statement* const select,
             statement(find_, "SELECT pack.id, pack.salt, pack.bytes, number, offset, box_bytes, content_bytes FROM chunk JOIN pack ON "
                              "pack.n = chunk.pack WHERE chunk.id = ? AND type = ? ORDER BY pack.condemned, pack.n"));
  select->bind_blob(1, id).bind(2, static_cast<int>(type));
  std::vector<FoundChunk> found;
  while (true) {
    B2B_ASSIGN(bool const there, select->step());
    if (!there) break;
    FoundChunk& chunk = found.emplace_back();
    chunk.pack = bytes_of<32>(*select, 0);
    chunk.salt = bytes_of<32>(*select, 1);
    chunk.pack_bytes = static_cast<std::uint64_t>(select->column_int(2));
    chunk.number = static_cast<std::uint32_t>(select->column_int(3));
    chunk.place = {id, type, static_cast<std::uint32_t>(select->column_int(4)), static_cast<std::uint32_t>(select->column_int(5)),
                   static_cast<std::uint32_t>(select->column_int(6))};
  }
  select->reset();
  return found;
}

Result<std::optional<FoundChunk>> ChunkIndex::find(ChunkType type, ChunkId const& id) {
  B2B_ASSIGN(auto const found, find_all(type, id));
  return found.empty() ? std::nullopt : std::optional(found.front());
}

Result<bool> ChunkIndex::has_unlocked(ChunkType type, ChunkId const& id) {
  B2B_ASSIGN(sqlite::Statement* const select, statement(has_, "SELECT 1 FROM chunk JOIN pack ON pack.n = chunk.pack WHERE chunk.id = ? AND type = ? AND "
                              "condemned = 0 LIMIT 1"));
  select->bind_blob(1, id).bind(2, static_cast<int>(type));
  B2B_ASSIGN(bool const there, select->step());
  select->reset();
  return there;
}

Result<bool> ChunkIndex::has(ChunkType type, ChunkId const& id) {
  std::scoped_lock lock(mutex_);
  return has_unlocked(type, id);
}

// The pack's number; 0 when it was known already.
Result<std::int64_t> ChunkIndex::insert_pack(PackRecord const& pack, int state, TimePoint now) {
  B2B_ASSIGN(auto select, database_.prepare("SELECT n, state FROM pack WHERE id = ?"));
  select.bind_blob(1, pack.id);
  B2B_ASSIGN(bool const known, select.step());
  if (known) {
    std::int64_t const n = select.column_int(0);
    if (select.column_int(1) < state) B2B_TRY(database_.execute("UPDATE pack SET state = " + std::to_string(state) + " WHERE n = " + std::to_string(n)));
    return n;
  }
  B2B_ASSIGN(auto insert, database_.prepare("INSERT INTO pack(id, salt, bytes, state, stored_ns, condemned) VALUES(?1, ?2, ?3, ?4, ?5, "
                                           "EXISTS(SELECT 1 FROM condemned WHERE condemned.id = ?1)) RETURNING n"));
  insert.bind_blob(1, pack.id).bind_blob(2, pack.salt).bind(3, static_cast<std::int64_t>(pack.bytes)).bind(4, state);
  insert.bind(5, std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count());
  B2B_ASSIGN(bool const row, insert.step());
  B2B_ASSERT(row);
  std::int64_t const n = insert.column_int(0);
  insert.reset();
  std::uint32_t number = 0;
  for (ChunkPlace const& place : pack.chunks) {
    B2B_ASSIGN(sqlite::Statement* const chunk, statement(insert_chunk_, "INSERT OR IGNORE INTO chunk VALUES(?, ?, ?, ?, ?, ?, ?)"));
    chunk->bind_blob(1, place.id).bind(2, static_cast<int>(place.type)).bind(3, n).bind(4, number++);
    chunk->bind(5, place.offset).bind(6, place.box_bytes).bind(7, place.content_bytes);
    B2B_TRY(chunk->run());
  }
  return n;
}

Result<void> ChunkIndex::pack_stored(PackRecord const& pack, TimePoint now) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(insert_pack(pack, stored, now));
  return transaction.commit();
}

Result<PackRecord> ChunkIndex::read_pack(std::int64_t n) {
  PackRecord pack;
  B2B_ASSIGN(auto head, database_.prepare("SELECT id, salt, bytes FROM pack WHERE n = ?"));
  head.bind(1, n);
  B2B_ASSIGN(bool const row, head.step());
  B2B_ASSERT(row);
  pack.id = bytes_of<32>(head, 0);
  pack.salt = bytes_of<32>(head, 1);
  pack.bytes = static_cast<std::uint64_t>(head.column_int(2));
  B2B_ASSIGN(auto chunks,
             database_.prepare("SELECT id, type, offset, box_bytes, content_bytes FROM chunk WHERE pack = ? ORDER BY number"));
  chunks.bind(1, n);
  while (true) {
    B2B_ASSIGN(bool const chunk, chunks.step());
    if (!chunk) return pack;
    pack.chunks.push_back({bytes_of<32>(chunks, 0), static_cast<ChunkType>(chunks.column_int(1)),
                           static_cast<std::uint32_t>(chunks.column_int(2)), static_cast<std::uint32_t>(chunks.column_int(3)),
                           static_cast<std::uint32_t>(chunks.column_int(4))});
  }
}

Result<std::vector<PackRecord>> ChunkIndex::packs_without_index(std::size_t payload_bytes) {
  std::scoped_lock lock(mutex_);
  std::vector<PackRecord> out;
  std::size_t taken = 0;
  B2B_ASSIGN(auto packs, database_.prepare("SELECT n FROM pack WHERE state = 1 ORDER BY n"));
  while (taken < payload_bytes) {
    B2B_ASSIGN(bool const row, packs.step());
    if (!row) break;
    B2B_ASSIGN(PackRecord pack, read_pack(packs.column_int(0)));
    taken += index_bytes(pack);
    out.push_back(std::move(pack));
  }
  return out;
}

// Packs and their chunks. `where` is a condition on the table pack.
Result<void> ChunkIndex::forget_packs(std::string_view where) {
  std::string const chosen = "(SELECT n FROM pack WHERE " + std::string(where) + ")";
  B2B_ASSIGN(auto const any, database_.query_int("SELECT EXISTS" + chosen));
  if (any != 1) return {};
  ++losses_;
  B2B_TRY(database_.execute("DELETE FROM chunk WHERE pack IN " + chosen));
  B2B_TRY(database_.execute("DELETE FROM named WHERE pack IN " + chosen));
  return database_.execute("DELETE FROM pack WHERE n IN " + chosen);
}

Result<bool> ChunkIndex::has_unindexed_before(TimePoint then) {
  std::scoped_lock lock(mutex_);
  auto const ns = std::chrono::duration_cast<std::chrono::nanoseconds>(then.time_since_epoch()).count();
  B2B_ASSIGN(auto const found, database_.query_int("SELECT EXISTS(SELECT 1 FROM pack WHERE state = 1 AND stored_ns < " + std::to_string(ns) + ")"));
  return found == 1;
}

Result<std::vector<IndexId>> ChunkIndex::index_objects() {
  std::scoped_lock lock(mutex_);
  std::vector<IndexId> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT id FROM index_object ORDER BY id"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back(bytes_of<32>(select, 0));
  }
}

Result<void> ChunkIndex::index_written(IndexId const& id, std::span<PackRecord const> packs) {
  IndexPayload payload;
  payload.packs.assign(packs.begin(), packs.end());
  return index_read(id, payload);
}

Result<void> ChunkIndex::index_read(IndexId const& id, IndexPayload const& payload) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO index_object(id) VALUES(?)"));
  insert.bind_blob(1, id);
  B2B_TRY(insert.run());
  B2B_ASSIGN(auto select, database_.prepare("SELECT 1 FROM replacement WHERE old = (SELECT n FROM index_object WHERE id = ?)"));
  select.bind_blob(1, id);
  B2B_ASSIGN(bool const replaced, select.step());
  select.reset();
  if (replaced) return transaction.commit();
  B2B_ASSIGN(auto name, database_.prepare("INSERT OR IGNORE INTO named SELECT n, ? FROM index_object WHERE id = ?"));
  for (PackRecord const& pack : payload.packs) {
    B2B_ASSIGN(std::int64_t const n, insert_pack(pack, indexed, TimePoint{}));
    name.bind(1, n).bind_blob(2, id);
    B2B_TRY(name.run());
  }
  for (IndexId const& old : payload.replaces) {
    for (char const* sql : {"INSERT OR IGNORE INTO index_object(id) VALUES(?1)",
                            "DELETE FROM named WHERE index_object = (SELECT n FROM index_object WHERE id = ?1)"}) {
      B2B_ASSIGN(auto change, database_.prepare(sql));
      change.bind_blob(1, old);
      B2B_TRY(change.run());
    }
    B2B_ASSIGN(auto note, database_.prepare("INSERT OR IGNORE INTO replacement SELECT old.n, by.n FROM index_object old, index_object by "
                                            "WHERE old.id = ? AND by.id = ? AND old.n <> by.n"));
    note.bind_blob(1, old).bind_blob(2, id);
    B2B_TRY(note.run());
  }
  if (!payload.replaces.empty()) B2B_TRY(forget_packs(unnamed));
  return transaction.commit();
}

Result<void> ChunkIndex::index_gone(IndexId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  // With what it had replaced, what that had replaced, and so on, unless another one replaces it as well.
  B2B_TRY(database_.execute("CREATE TEMP TABLE IF NOT EXISTS going(n INTEGER PRIMARY KEY); DELETE FROM going"));
  B2B_ASSIGN(auto collect,
             database_.prepare("WITH RECURSIVE below(n) AS (SELECT n FROM index_object WHERE id = ? UNION SELECT old FROM replacement JOIN "
                               "below ON by = below.n) INSERT INTO going SELECT n FROM below"));
  collect.bind_blob(1, id);
  B2B_TRY(collect.run());
  B2B_ASSIGN(auto spare, database_.prepare("DELETE FROM going WHERE n IN (SELECT old FROM replacement WHERE by NOT IN (SELECT n FROM going)) "
                                           "AND n <> (SELECT n FROM index_object WHERE id = ?)"));
  spare.bind_blob(1, id);
  B2B_TRY(spare.run());
  B2B_TRY(database_.execute("DELETE FROM named WHERE index_object IN (SELECT n FROM going);"
                            "DELETE FROM replacement WHERE by IN (SELECT n FROM going) OR old IN (SELECT n FROM going);"
                            "DELETE FROM index_object WHERE n IN (SELECT n FROM going)"));
  B2B_TRY(forget_packs(unnamed));
  return transaction.commit();
}

Result<void> ChunkIndex::pack_gone(PackId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  B2B_TRY(forget_packs("id = x'" + to_hex(id) + "'"));
  return transaction.commit();
}

Result<std::vector<ChunkIndex::KnownPack>> ChunkIndex::packs() {
  std::scoped_lock lock(mutex_);
  std::vector<KnownPack> out;
  B2B_ASSIGN(auto select, database_.prepare("SELECT id, bytes FROM pack ORDER BY id"));
  while (true) {
    B2B_ASSIGN(bool const row, select.step());
    if (!row) return out;
    out.push_back({bytes_of<32>(select, 0), static_cast<std::uint64_t>(select.column_int(1))});
  }
}

ChunkIndex::~ChunkIndex() {
  std::scoped_lock lock(mutex_);
  if (auto ended = end_batch(); !ended) log_warning("the record of stored chunks forgets the newest: " + ended.error().text());
}

Result<void> ChunkIndex::end_batch() {
  if (std::exchange(in_batch_, 0) == 0) return {};
  return database_.execute("COMMIT");
}

Result<sqlite::Transaction> ChunkIndex::begin() {
  B2B_TRY(end_batch());
  return sqlite::Transaction::begin(database_);
}

Result<void> ChunkIndex::begin_in_batch() {
  if (in_batch_ == 0) B2B_TRY(database_.execute("BEGIN IMMEDIATE"));
  ++in_batch_;
  return {};
}

}  // namespace b2b::packed
