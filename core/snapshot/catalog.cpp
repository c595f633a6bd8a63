#include "core/snapshot/catalog.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/snapshot/catalog_rows.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;  // rows that for_each() holds at a time

Error not_a_catalog(std::string const& path) {
  return make_error(Condition::corrupt, "the catalog " + path + " is damaged or of another version",
                    "It is made again by the next push", path);
}

// A statement that is prepared at its first use and reused afterwards.
struct Prepared {
  std::optional<sqlite::Statement> statement;
};

}  // namespace

struct Catalog::Impl {
  explicit Impl(sqlite::Database opened) : database(std::move(opened)), path(database->path()) {}

  std::optional<sqlite::Database> database;  // nothing after seal()
  std::string path;
  bool writing = false;  // a transaction is open
  bool indexed = false;
  // After `database`, so that they go first.
  Prepared put, insert, find, erase, first, after, by_hash, set_meta, meta;

  sqlite::Database& open_database() {
    B2B_ASSERT(database.has_value());
    return *database;
  }
  Result<sqlite::Statement*> use(Prepared& prepared, std::string_view sql) {
    sqlite::Database& db = open_database();
    if (!prepared.statement) {
      B2B_ASSIGN(prepared.statement, db.prepare(sql));
    }
    prepared.statement->reset();
    return &*prepared.statement;
  }
  Result<void> begin() {
    if (writing) return {};
    B2B_TRY(open_database().execute("BEGIN IMMEDIATE"));
    writing = true;
    return {};
  }
  // All rows of `statement`, which is then reset.
  Result<std::vector<CatalogEntry>> rows(sqlite::Statement& statement) {
    std::vector<CatalogEntry> out;
    while (true) {
      auto const step = statement.step();
      bool const more = step && *step;
      if (more && catalog::read_row(statement, out.emplace_back())) continue;
      statement.reset();
      if (!step) return step.error();
      if (more) return not_a_catalog(path);
      return out;
    }
  }
  Result<std::optional<CatalogEntry>> row(sqlite::Statement& statement) {
    B2B_ASSIGN(auto found, rows(statement));
    if (found.empty()) return std::optional<CatalogEntry>();
    return std::optional<CatalogEntry>(std::move(found.front()));
  }
  Result<void> make_index() {
    if (indexed) return {};
    B2B_TRY(open_database().execute(catalog::create_index));
    indexed = true;
    return {};
  }
};

Result<Catalog> Catalog::create(std::string const& path) {
  for (char const* const suffix : {"", "-journal", "-wal", "-shm"}) {
    std::string const old = path + suffix;
    if (::unlink(old.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "replace the catalog", old);
  }
  B2B_TRY(open_file(path, O_CREAT | O_EXCL | O_RDWR, "create the catalog", 0600));
  B2B_ASSIGN(auto database, sqlite::Database::open(path, sqlite::OpenMode::create));
  // Nobody reads the file before it is sealed, and an unsealed one is thrown away: no journal, no waiting for
  // the disk.
  B2B_TRY(
      database.execute("PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;"
                       "PRAGMA cache_size=-2048;"));
  Catalog out(std::make_shared<Impl>(std::move(database)));
  B2B_TRY(out.impl_->begin());
  B2B_TRY(out.impl_->open_database().execute(catalog::create_tables));
  return out;
}

Result<Catalog> Catalog::open(std::string const& path) {
  if (!path_exists(path)) return make_error(Condition::not_found, "there is no catalog " + path, {}, path);
  B2B_ASSIGN(auto database, sqlite::Database::open(path, sqlite::OpenMode::read_write));
  auto const id = database.query_int("PRAGMA application_id");
  auto const version = database.query_int("PRAGMA user_version");
  for (auto const* const answer : {&id, &version})
    if (!*answer)
      return answer->error().condition == Condition::corrupt ? not_a_catalog(path) : answer->error();
  if (*id != catalog::application_id || *version != catalog::format_version) return not_a_catalog(path);
  B2B_TRY(database.execute("PRAGMA synchronous=FULL;PRAGMA cache_size=-2048;"));
  Catalog out(std::make_shared<Impl>(std::move(database)));
  out.impl_->indexed = true;
  return out;
}

Result<void> Catalog::put(CatalogEntry const& entry) {
  B2B_TRY(impl_->begin());
  B2B_ASSIGN(auto* const statement, impl_->use(impl_->put, catalog::put_sql));
  catalog::bind_row(*statement, entry);
  return statement->run();
}

Result<bool> Catalog::insert(CatalogEntry const& entry) {
  B2B_TRY(impl_->begin());
  B2B_ASSIGN(auto* const statement, impl_->use(impl_->insert, catalog::insert_sql));
  catalog::bind_row(*statement, entry);
  B2B_TRY(statement->run());
  return impl_->open_database().changes() > 0;
}

Result<std::optional<CatalogEntry>> Catalog::find(std::string_view path) {
  B2B_ASSIGN(auto* const statement, impl_->use(impl_->find, catalog::select_sql("WHERE path=?1")));
  statement->bind_blob(1, as_bytes(path));
  return impl_->row(*statement);
}

Result<void> Catalog::erase(std::string_view path) {
  B2B_TRY(impl_->begin());
  B2B_ASSIGN(auto* const statement, impl_->use(impl_->erase, "DELETE FROM entries WHERE path=?1"));
  statement->bind_blob(1, as_bytes(path));
  return statement->run();
}

Result<std::vector<CatalogEntry>> Catalog::batch_after(std::string_view after, std::size_t limit,
                                                       bool from_start) {
  auto const rows = static_cast<std::int64_t>(limit);
  if (from_start) {
    B2B_ASSIGN(auto* const statement,
               impl_->use(impl_->first, catalog::select_sql("ORDER BY path LIMIT ?1")));
    statement->bind(1, rows);
    return impl_->rows(*statement);
  }
  B2B_ASSIGN(auto* const statement,
             impl_->use(impl_->after, catalog::select_sql("WHERE path>?1 ORDER BY path LIMIT ?2")));
  statement->bind_blob(1, as_bytes(after));
  statement->bind(2, rows);
  return impl_->rows(*statement);
}

Result<void> Catalog::for_each(std::function<Result<void>(CatalogEntry&&)> const& visit) {
  std::string after;
  for (bool from_start = true;; from_start = false) {
    B2B_ASSIGN(auto rows, batch_after(after, batch_size, from_start));
    if (rows.empty()) return {};
    after = rows.back().entry.path;
    for (auto& row : rows)
      B2B_TRY(visit(std::move(row)));
  }
}

Result<std::optional<CatalogEntry>> Catalog::find_by_hash(Sha256Digest const& hash, std::uint64_t size) {
  B2B_TRY(impl_->make_index());
  B2B_ASSIGN(
      auto* const statement,
      impl_->use(impl_->by_hash, catalog::select_sql("WHERE hash=?1 AND size=?2 ORDER BY path LIMIT 1")));
  statement->bind_blob(1, hash);
  statement->bind(2, static_cast<std::int64_t>(size));
  return impl_->row(*statement);
}

Result<std::uint64_t> Catalog::count(std::optional<EntryType> type) {
  std::string sql = "SELECT count(*) FROM entries";
  if (type) sql += " WHERE type=" + std::to_string(static_cast<int>(*type));
  B2B_ASSIGN(auto const value, impl_->open_database().query_int(sql));
  return static_cast<std::uint64_t>(value.value_or(0));
}

Result<std::uint64_t> Catalog::total_bytes() {
  std::string const sql = "SELECT ifnull(sum(size),0) FROM entries WHERE type=" +
                          std::to_string(static_cast<int>(EntryType::file));
  B2B_ASSIGN(auto const value, impl_->open_database().query_int(sql));
  return static_cast<std::uint64_t>(value.value_or(0));
}

Result<void> Catalog::set_meta(std::string_view key, std::string_view value) {
  B2B_TRY(impl_->begin());
  B2B_ASSIGN(auto* const statement,
             impl_->use(impl_->set_meta, "INSERT OR REPLACE INTO meta(key,value) VALUES(?1,?2)"));
  statement->bind_blob(1, as_bytes(key));
  statement->bind_blob(2, as_bytes(value));
  return statement->run();
}

Result<std::optional<std::string>> Catalog::meta(std::string_view key) {
  B2B_ASSIGN(auto* const statement, impl_->use(impl_->meta, "SELECT value FROM meta WHERE key=?1"));
  statement->bind_blob(1, as_bytes(key));
  B2B_ASSIGN(bool const there, statement->step());
  std::optional<std::string> out;
  if (there) out = statement->column_bytes(0);
  statement->reset();
  return out;
}

Result<void> Catalog::seal() {
  B2B_TRY(impl_->begin());
  B2B_TRY(impl_->make_index());
  sqlite::Database& database = impl_->open_database();
  B2B_TRY(database.execute("PRAGMA application_id=" + std::to_string(catalog::application_id) +
                           ";PRAGMA user_version=" + std::to_string(catalog::format_version) + ";COMMIT"));
  auto const impl = impl_;
  for (Prepared* const prepared : {&impl->put, &impl->insert, &impl->find, &impl->erase, &impl->first,
                                   &impl->after, &impl->by_hash, &impl->set_meta, &impl->meta})
    prepared->statement.reset();
  impl->database.reset();
  B2B_ASSIGN(UniqueFd const fd, open_file(impl->path, O_RDONLY, "open the catalog"));
  return fsync_file(fd.get(), impl->path);
}

}  // namespace b2b
