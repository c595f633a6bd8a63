#include "core/packed/chunk_index.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::packed {
namespace {

enum PackState { stored = 1, indexed = 2 };

constexpr char schema[] = R"sql(
  CREATE TABLE repository(id TEXT NOT NULL);
  CREATE TABLE pack(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, salt BLOB NOT NULL, bytes INTEGER NOT NULL,
                    state INTEGER NOT NULL, stored_ns INTEGER NOT NULL);
  CREATE INDEX pack_state ON pack(state, n);
  CREATE TABLE chunk(id BLOB NOT NULL, type INTEGER NOT NULL, pack INTEGER NOT NULL, number INTEGER NOT NULL,
                     offset INTEGER NOT NULL, box_bytes INTEGER NOT NULL, content_bytes INTEGER NOT NULL,
                     PRIMARY KEY(id, type, pack)) WITHOUT ROWID;
  CREATE INDEX chunk_pack ON chunk(pack, number);
  CREATE TABLE index_object(n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, replaced INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE named(index_object INTEGER NOT NULL, pack INTEGER NOT NULL, PRIMARY KEY(index_object, pack)) WITHOUT ROWID;
  CREATE INDEX named_pack ON named(pack);
  CREATE TABLE content(hash BLOB NOT NULL, size INTEGER NOT NULL, part INTEGER NOT NULL, last INTEGER NOT NULL, chunks BLOB NOT NULL,
                       PRIMARY KEY(hash, size, part)) WITHOUT ROWID;
  PRAGMA user_version = 1;
)sql";

constexpr std::string_view unnamed = "state = 2 AND NOT EXISTS (SELECT 1 FROM named WHERE named.pack = pack.n)";

constexpr std::size_t contents_in_batch = 512;

template <std::size_t size>
std::array<std::uint8_t, size> bytes_of(sqlite::Statement const& row, int column) {
  std::array<std::uint8_t, size> out{};
  std::string const bytes = row.column_bytes(column);
  if (bytes.size() == size) std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Result<sqlite::Database> open_checked(std::string const& path, std::string const& repository) {
  B2B_ASSIGN(sqlite::Database database, sqlite::Database::open(path, sqlite::OpenMode::create));
  B2B_TRY(database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-4096"));
  B2B_ASSIGN(auto const version, database.query_int("PRAGMA user_version"));
  B2B_ASSIGN(auto const tables, database.query_int("SELECT count(*) FROM sqlite_schema"));
  if (version == 0 && tables == 0) {
    B2B_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database));
    B2B_TRY(database.execute(schema));
    B2B_ASSIGN(auto insert, database.prepare("INSERT INTO repository VALUES(?)"));
    insert.bind_text(1, repository);
    B2B_TRY(insert.run());
    B2B_TRY(transaction.commit());
    return database;
  }
  if (version != 1) return make_error(Condition::corrupt, path + " is not of this version", {}, path);
  B2B_ASSIGN(auto const of, database.query_text("SELECT id FROM repository"));
  if (of != repository) return make_error(Condition::corrupt, path + " belongs to another repository", {}, path);
  return database;
}

}  // namespace

Result<std::shared_ptr<ChunkIndex>> ChunkIndex::open(std::string const& data_dir, RepositoryId const& repository) {
  std::string const path = join_path(data_dir, "packed.sqlite");
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
  return std::shared_ptr<ChunkIndex>(new ChunkIndex(std::move(*database)));
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

Result<std::optional<FoundChunk>> ChunkIndex::find(ChunkType type, ChunkId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Statement* const select,
             statement(find_, "SELECT pack.id, pack.salt, pack.bytes, number, offset, box_bytes, content_bytes FROM chunk JOIN pack ON "
                              "pack.n = chunk.pack WHERE chunk.id = ? AND type = ? LIMIT 1"));
  select->bind_blob(1, id).bind(2, static_cast<int>(type));
  B2B_ASSIGN(bool const there, select->step());
  std::optional<FoundChunk> found;
  if (there) {
    found.emplace();
    found->pack = bytes_of<32>(*select, 0);
    found->salt = bytes_of<32>(*select, 1);
    found->pack_bytes = static_cast<std::uint64_t>(select->column_int(2));
    found->number = static_cast<std::uint32_t>(select->column_int(3));
    found->place = {id, type, static_cast<std::uint32_t>(select->column_int(4)), static_cast<std::uint32_t>(select->column_int(5)),
                    static_cast<std::uint32_t>(select->column_int(6))};
  }
  select->reset();
  return found;
}

Result<bool> ChunkIndex::has_unlocked(ChunkType type, ChunkId const& id) {
  B2B_ASSIGN(sqlite::Statement* const select, statement(has_, "SELECT 1 FROM chunk WHERE id = ? AND type = ? LIMIT 1"));
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
  B2B_ASSIGN(auto insert, database_.prepare("INSERT INTO pack(id, salt, bytes, state, stored_ns) VALUES(?, ?, ?, ?, ?) RETURNING n"));
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

Result<std::vector<PackRecord>> ChunkIndex::packs_without_index(std::size_t payload_bytes) {
  std::scoped_lock lock(mutex_);
  std::vector<PackRecord> out;
  std::size_t taken = 0;
  B2B_ASSIGN(auto packs, database_.prepare("SELECT n, id, salt, bytes FROM pack WHERE state = 1 ORDER BY n"));
  B2B_ASSIGN(auto chunks,
             database_.prepare("SELECT id, type, offset, box_bytes, content_bytes FROM chunk WHERE pack = ? ORDER BY number"));
  while (taken < payload_bytes) {
    B2B_ASSIGN(bool const row, packs.step());
    if (!row) break;
    PackRecord pack;
    pack.id = bytes_of<32>(packs, 1);
    pack.salt = bytes_of<32>(packs, 2);
    pack.bytes = static_cast<std::uint64_t>(packs.column_int(3));
    chunks.reset();
    chunks.bind(1, packs.column_int(0));
    while (true) {
      B2B_ASSIGN(bool const chunk, chunks.step());
      if (!chunk) break;
      pack.chunks.push_back({bytes_of<32>(chunks, 0), static_cast<ChunkType>(chunks.column_int(1)),
                             static_cast<std::uint32_t>(chunks.column_int(2)), static_cast<std::uint32_t>(chunks.column_int(3)),
                             static_cast<std::uint32_t>(chunks.column_int(4))});
    }
    taken += index_bytes(pack);
    out.push_back(std::move(pack));
  }
  return out;
}

// Packs and their chunks. `where` is a condition on the table pack.
Result<void> ChunkIndex::forget_packs(std::string_view where) {
  std::string const chosen = "(SELECT n FROM pack WHERE " + std::string(where) + ")";
  B2B_TRY(database_.execute("DELETE FROM chunk WHERE pack IN " + chosen));
  B2B_TRY(database_.execute("DELETE FROM named WHERE pack IN " + chosen));
  return database_.execute("DELETE FROM pack WHERE n IN " + chosen);
}

Result<void> ChunkIndex::forget_unindexed_before(TimePoint then) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  auto const ns = std::chrono::duration_cast<std::chrono::nanoseconds>(then.time_since_epoch()).count();
  B2B_TRY(forget_packs("state = 1 AND stored_ns < " + std::to_string(ns)));
  return transaction.commit();
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
  B2B_ASSIGN(auto select, database_.prepare("SELECT replaced FROM index_object WHERE id = ?"));
  select.bind_blob(1, id);
  B2B_ASSIGN(bool const row, select.step());
  bool const replaced = row && select.column_int(0) != 0;
  select.reset();
  if (replaced) return transaction.commit();
  B2B_ASSIGN(auto name, database_.prepare("INSERT OR IGNORE INTO named SELECT n, ? FROM index_object WHERE id = ?"));
  for (PackRecord const& pack : payload.packs) {
    B2B_ASSIGN(std::int64_t const n, insert_pack(pack, indexed, TimePoint{}));
    name.bind(1, n).bind_blob(2, id);
    B2B_TRY(name.run());
  }
  for (IndexId const& old : payload.replaces) {
    for (char const* sql : {"INSERT OR IGNORE INTO index_object(id) VALUES(?)", "UPDATE index_object SET replaced = 1 WHERE id = ?",
                            "DELETE FROM named WHERE index_object = (SELECT n FROM index_object WHERE id = ?)"}) {
      B2B_ASSIGN(auto change, database_.prepare(sql));
      change.bind_blob(1, old);
      B2B_TRY(change.run());
    }
  }
  if (!payload.replaces.empty()) B2B_TRY(forget_packs(unnamed));
  return transaction.commit();
}

Result<void> ChunkIndex::index_gone(IndexId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, begin());
  for (char const* sql : {"DELETE FROM named WHERE index_object = (SELECT n FROM index_object WHERE id = ?)",
                          "DELETE FROM index_object WHERE id = ?"}) {
    B2B_ASSIGN(auto remove, database_.prepare(sql));
    remove.bind_blob(1, id);
    B2B_TRY(remove.run());
  }
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

Result<void> ChunkIndex::put_content(Sha256Digest const& hash, std::uint64_t size, std::uint64_t part, bool last,
                                     std::span<ChunkId const> chunks) {
  B2B_ASSERT(!chunks.empty() && chunks.size() <= chunks_in_part && (last || chunks.size() == chunks_in_part));
  std::scoped_lock lock(mutex_);
  if (in_batch_ == 0) B2B_TRY(database_.execute("BEGIN IMMEDIATE"));
  ++in_batch_;
  B2B_ASSIGN(sqlite::Statement* const insert, statement(insert_content_, "INSERT OR REPLACE INTO content VALUES(?, ?, ?, ?, ?)"));
  insert->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size)).bind(3, static_cast<std::int64_t>(part)).bind(4, last ? 1 : 0);
  insert->bind_blob(5, {reinterpret_cast<std::uint8_t const*>(chunks.data()), chunks.size() * sizeof(ChunkId)});
  B2B_TRY(insert->run());
  if (in_batch_ >= contents_in_batch) B2B_TRY(end_batch());
  return {};
}

Result<std::optional<std::uint64_t>> ChunkIndex::last_part(Sha256Digest const& hash, std::uint64_t size) {
  B2B_ASSIGN(sqlite::Statement* const select,
             statement(select_last_, "SELECT part FROM content WHERE hash = ? AND size = ? AND last = 1"));
  select->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size));
  B2B_ASSIGN(bool const row, select->step());
  std::optional<std::uint64_t> part;
  if (row) part = static_cast<std::uint64_t>(select->column_int(0));
  select->reset();
  return part;
}

Result<std::optional<std::vector<ChunkId>>> ChunkIndex::read_part(Sha256Digest const& hash, std::uint64_t size, std::uint64_t part) {
  B2B_ASSIGN(sqlite::Statement* const select,
             statement(select_content_, "SELECT chunks FROM content WHERE hash = ? AND size = ? AND part = ?"));
  select->bind_blob(1, hash).bind(2, static_cast<std::int64_t>(size)).bind(3, static_cast<std::int64_t>(part));
  B2B_ASSIGN(bool const row, select->step());
  std::optional<std::vector<ChunkId>> chunks;
  std::string const bytes = row ? select->column_bytes(0) : std::string();
  select->reset();
  if (!row || bytes.size() % sizeof(ChunkId) != 0) return chunks;
  chunks.emplace(bytes.size() / sizeof(ChunkId));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(chunks->data()));
  return chunks;
}

Result<std::optional<std::uint64_t>> ChunkIndex::count_chunks(Sha256Digest const& hash, std::uint64_t size, AlsoThere const& also_there) {
  std::optional<std::uint64_t> none;
  if (size == 0) return std::optional<std::uint64_t>(0);
  std::uint64_t count = 0;
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto const last, last_part(hash, size));
  if (!last) return none;
  for (std::uint64_t part = 0; part <= *last; ++part) {
    B2B_ASSIGN(auto const chunks, read_part(hash, size, part));
    if (!chunks) return none;
    for (ChunkId const& id : *chunks) {
      if (also_there && also_there(id)) continue;
      B2B_ASSIGN(bool const there, has_unlocked(ChunkType::data, id));
      if (!there) return none;
    }
    count += chunks->size();
  }
  return std::optional(count);
}

Result<void> ChunkIndex::visit_chunks(Sha256Digest const& hash, std::uint64_t size,
                                      std::function<Result<void>(std::span<ChunkId const>)> const& visit) {
  if (size == 0) return {};
  for (std::uint64_t part = 0;; ++part) {
    std::optional<std::vector<ChunkId>> chunks;
    bool last = false;
    {
      std::scoped_lock lock(mutex_);
      B2B_ASSIGN(auto const end, last_part(hash, size));
      B2B_ASSIGN(chunks, read_part(hash, size, part));
      if (!end || !chunks) return make_error(Condition::internal, "the chunks of a file are not known any more; push again");
      last = part == *end;
    }
    B2B_TRY(visit(*chunks));
    if (last) return {};
  }
}

}  // namespace b2b::packed
