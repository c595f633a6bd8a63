#include "core/engine/index.h"

#include <boost/json.hpp>
#include <cstdio>

#include "core/engine/snapshot_json.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::int64_t index_version = 1;

constexpr char schema[] = R"sql(
  CREATE TABLE value(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE push(one INTEGER PRIMARY KEY CHECK(one = 1), id TEXT NOT NULL, target TEXT NOT NULL, started_ns INTEGER NOT NULL,
                    salt TEXT NOT NULL, key_check TEXT NOT NULL, encrypted INTEGER NOT NULL);
  CREATE TABLE body(stored_name TEXT PRIMARY KEY, hash BLOB NOT NULL, size INTEGER NOT NULL, stored_size INTEGER NOT NULL,
                    iv TEXT NOT NULL, uploaded INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
  CREATE TABLE snapshot(target TEXT NOT NULL, id TEXT NOT NULL, info TEXT NOT NULL, PRIMARY KEY(target, id)) WITHOUT ROWID;
  PRAGMA user_version = 1;
)sql";

constexpr std::string_view select_body = "SELECT stored_name, hash, size, stored_size, iv, uploaded FROM body";

PendingBody body_of(sqlite::Statement const& row) {
  PendingBody body;
  body.stored_name = row.column_text(0);
  std::string const hash = row.column_bytes(1);
  if (hash.size() == body.hash.size()) std::copy(hash.begin(), hash.end(), body.hash.begin());
  body.size = static_cast<std::uint64_t>(row.column_int(2));
  body.stored_size = static_cast<std::uint64_t>(row.column_int(3));
  body.iv_hex = row.column_text(4);
  body.uploaded = row.column_int(5) != 0;
  return body;
}

// A reader of another version of ours must not guess: the index is a cache, so it is put aside and made anew.
Result<sqlite::Database> open_checked(std::string const& path) {
  B2B_ASSIGN(sqlite::Database database, sqlite::Database::open(path, sqlite::OpenMode::create));
  B2B_TRY(database.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024"));
  B2B_ASSIGN(auto const version, database.query_int("PRAGMA user_version"));
  if (version == index_version) return database;
  if (version == 0) {
    B2B_ASSIGN(auto const tables, database.query_int("SELECT count(*) FROM sqlite_schema"));
    if (tables == 0) {
      B2B_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database));
      B2B_TRY(database.execute(schema));
      B2B_TRY(transaction.commit());
      return database;
    }
  }
  return make_error(Condition::corrupt, path + " is not an index of this version", {}, path);
}

}  // namespace

Index::Index(std::string data_dir, sqlite::Database database)
    : data_dir_(std::move(data_dir)), database_(std::move(database)) {}

Result<std::shared_ptr<Index>> Index::open(std::string const& data_dir) {
  std::string const path = join_path(data_dir, "index.sqlite");
  auto database = open_checked(path);
  if (!database) {
    auto const condition = database.error().condition;
    if (condition != Condition::corrupt && condition != Condition::io) return database.error();
    log_warning("the index " + path + " cannot be used (" + database.error().text() +
                "); it is kept as index.sqlite.damaged and a new one is begun: the next push uploads everything again");
    for (char const* suffix : {"", "-wal", "-shm"}) {
      std::string const from = path + suffix;
      if (path_exists(from) && std::rename(from.c_str(), (path + ".damaged" + suffix).c_str()) != 0)
        return errno_error(errno, "move the damaged index aside", from);
    }
    database = open_checked(path);
    if (!database) return database.error();
  }
  return std::shared_ptr<Index>(new Index(data_dir, std::move(*database)));
}

std::string Index::base_catalog_path() const { return join_path(data_dir_, "base.sqlite"); }

Result<std::optional<PendingPush>> Index::pending_push() {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("SELECT id, target, started_ns, salt, key_check, encrypted FROM push"));
  B2B_ASSIGN(bool const row, statement.step());
  if (!row) return std::optional<PendingPush>();
  PendingPush push;
  push.id = statement.column_text(0);
  push.target = statement.column_text(1);
  push.started_ns = statement.column_int(2);
  push.salt_hex = statement.column_text(3);
  push.key_check = statement.column_text(4);
  push.encrypted = statement.column_int(5) != 0;
  return std::optional<PendingPush>(std::move(push));
}

Result<void> Index::begin_push(PendingPush const& push) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database_));
  B2B_TRY(database_.execute("DELETE FROM push; DELETE FROM body"));
  B2B_ASSIGN(auto statement, database_.prepare("INSERT INTO push VALUES(1, ?, ?, ?, ?, ?, ?)"));
  statement.bind_text(1, push.id).bind_text(2, push.target).bind(3, push.started_ns).bind_text(4, push.salt_hex);
  statement.bind_text(5, push.key_check).bind(6, push.encrypted ? 1 : 0);
  B2B_TRY(statement.run());
  return transaction.commit();
}

Result<void> Index::record_bodies(std::vector<PendingBody> const& bodies) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database_));
  B2B_ASSIGN(auto statement, database_.prepare("INSERT OR REPLACE INTO body VALUES(?, ?, ?, ?, ?, ?, 1)"));
  for (PendingBody const& body : bodies) {
    statement.bind_text(1, body.stored_name).bind_blob(2, body.hash).bind(3, static_cast<std::int64_t>(body.size));
    statement.bind(4, static_cast<std::int64_t>(body.stored_size)).bind_text(5, body.iv_hex).bind(6, body.uploaded ? 1 : 0);
    B2B_TRY(statement.run());
  }
  return transaction.commit();
}

Result<std::optional<PendingBody>> Index::pending_body(std::string_view stored_name) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare(std::string(select_body) + " WHERE stored_name = ?"));
  statement.bind_text(1, stored_name);
  B2B_ASSIGN(bool const row, statement.step());
  if (!row) return std::optional<PendingBody>();
  return std::optional<PendingBody>(body_of(statement));
}

Result<std::vector<PendingBody>> Index::pending_bodies_after(std::string_view after, std::size_t limit) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement,
             database_.prepare(std::string(select_body) + " WHERE stored_name > ? ORDER BY stored_name LIMIT ?"));
  statement.bind_text(1, after).bind(2, static_cast<std::int64_t>(limit));
  std::vector<PendingBody> out;
  while (true) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) break;
    out.push_back(body_of(statement));
  }
  return out;
}

Result<void> Index::mark_bodies_unused() {
  std::scoped_lock lock(mutex_);
  return database_.execute("UPDATE body SET used = 0");
}

Result<std::vector<std::string>> Index::unused_bodies() {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("SELECT stored_name FROM body WHERE used = 0 ORDER BY stored_name"));
  std::vector<std::string> names;
  while (true) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) break;
    names.push_back(statement.column_text(0));
  }
  return names;
}

Result<void> Index::forget_body(std::string_view stored_name) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("DELETE FROM body WHERE stored_name = ?"));
  statement.bind_text(1, stored_name);
  return statement.run();
}

Result<void> Index::end_push() {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(sqlite::Transaction transaction, sqlite::Transaction::begin(database_));
  B2B_TRY(database_.execute("DELETE FROM push; DELETE FROM body"));
  return transaction.commit();
}

Result<void> Index::remember_snapshot(std::string_view target, SnapshotInfo const& info, Signature signature) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("INSERT OR REPLACE INTO snapshot VALUES(?, ?, ?)"));
  statement.bind_text(1, target).bind_text(2, info.id.text).bind_text(3, snapshot_to_json(info, signature));
  return statement.run();
}

Result<std::optional<Index::Remembered>> Index::remembered_snapshot(std::string_view target, SnapshotId const& id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("SELECT info FROM snapshot WHERE target = ? AND id = ?"));
  statement.bind_text(1, target).bind_text(2, id.text);
  B2B_ASSIGN(bool const row, statement.step());
  if (!row) return std::optional<Remembered>();
  Remembered remembered;
  // A record of an older form is as good as none: the bucket is asked again.
  if (!snapshot_from_json(statement.column_text(0), id, remembered.info, remembered.signature))
    return std::optional<Remembered>();
  return std::optional<Remembered>(std::move(remembered));
}

Result<std::vector<Index::Remembered>> Index::remembered_snapshots(std::string_view target) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("SELECT id, info FROM snapshot WHERE target = ? ORDER BY id"));
  statement.bind_text(1, target);
  std::vector<Remembered> out;
  for (;;) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) return out;
    auto const id = parse_snapshot_id(statement.column_text(0));
    Remembered remembered;
    if (id && snapshot_from_json(statement.column_text(1), *id, remembered.info, remembered.signature))
      out.push_back(std::move(remembered));
  }
}

Result<void> Index::forget_snapshot(std::string_view target, std::string_view id) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("DELETE FROM snapshot WHERE target = ? AND id = ?"));
  statement.bind_text(1, target).bind_text(2, id);
  return statement.run();
}

Result<std::optional<std::string>> Index::value(std::string_view key) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("SELECT value FROM value WHERE key = ?"));
  statement.bind_text(1, key);
  B2B_ASSIGN(bool const row, statement.step());
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(statement.column_text(0));
}

Result<std::vector<std::pair<std::string, std::string>>> Index::values_with_prefix(std::string_view prefix) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("SELECT key, value FROM value WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key"));
  statement.bind_text(1, prefix);
  std::vector<std::pair<std::string, std::string>> out;
  while (true) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) break;
    out.emplace_back(statement.column_text(0), statement.column_text(1));
  }
  return out;
}

Result<void> Index::set_value(std::string_view key, std::string_view value) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("INSERT OR REPLACE INTO value VALUES(?, ?)"));
  statement.bind_text(1, key).bind_text(2, value);
  return statement.run();
}

Result<void> Index::clear_value(std::string_view key) {
  std::scoped_lock lock(mutex_);
  B2B_ASSIGN(auto statement, database_.prepare("DELETE FROM value WHERE key = ?"));
  statement.bind_text(1, key);
  return statement.run();
}

}  // namespace b2b
