#include "core/sqlite/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/util/log.h"

namespace b2b::sqlite {
namespace {

// What a result code means for our callers. Extended codes are on; the low byte is the primary code.
Condition condition_of(int code, int system_errno) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Condition::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Condition::corrupt;
    case SQLITE_FULL: return Condition::no_space;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: return Condition::permission;
    case SQLITE_INTERRUPT: return Condition::cancelled;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return system_errno == 0 ? Condition::io : errno_error(system_errno, {}, {}).condition;
    case SQLITE_NOMEM: return Condition::io;
    default: return Condition::internal;
  }
}

std::string advice_for(Condition condition) {
  switch (condition) {
    case Condition::busy: return "Another program holds the database; try again when it is done";
    case Condition::corrupt: return "The database is damaged: restore it from a snapshot";
    case Condition::no_space: return "Free some space on that disk and try again";
    case Condition::permission: return "Check the owner and the permissions of the file and its directory";
    default: return {};
  }
}

Error error_of(sqlite3* db, std::string_view doing, std::string const& path) {
  Error error;
  if (db == nullptr) {
    error.condition = Condition::io;
    error.message = "cannot " + std::string(doing) + " " + path + ": out of memory";
    error.subject = path;
    return error;
  }
  int const code = sqlite3_extended_errcode(db);
  bool const from_system = (code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_IOERR;
  error.system_errno = from_system ? sqlite3_system_errno(db) : 0;
  error.condition = condition_of(code, error.system_errno);
  error.message = "cannot " + std::string(doing) + " the database " + path + ": " + sqlite3_errmsg(db) + " (SQLite " +
                  std::to_string(code) + ")";
  error.advice = advice_for(error.condition);
  error.subject = path;
  error.retryable = error.condition == Condition::busy;
  return error;
}

std::string path_of(sqlite3* db) {
  char const* const name = sqlite3_db_filename(db, "main");
  return name == nullptr || *name == '\0' ? "(in memory)" : name;
}

// octet_length(X): how many bytes X takes as text in the encoding of the database, or as a blob. One function for each
// encoding: SQLite calls the one that fits.
template <int (*bytes_of)(sqlite3_value*)>
void octet_length(sqlite3_context* context, int, sqlite3_value** arguments) {
  switch (sqlite3_value_type(arguments[0])) {
    case SQLITE_NULL: sqlite3_result_null(context); break;
    case SQLITE_BLOB: sqlite3_result_int64(context, sqlite3_value_bytes(arguments[0])); break;
    default: sqlite3_result_int64(context, bytes_of(arguments[0])); break;
  }
}

int register_functions(sqlite3* db) {
  if (sqlite3_libversion_number() >= 3043000) return SQLITE_OK;
  // Harmless wherever it stands, so allowed in the schemas of databases that are not ours, too.
  int const flags = SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  int const code = sqlite3_create_function_v2(db, "octet_length", 1, SQLITE_UTF8 | flags, nullptr,
                                              octet_length<sqlite3_value_bytes>, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return code;
  return sqlite3_create_function_v2(db, "octet_length", 1, SQLITE_UTF16 | flags, nullptr,
                                    octet_length<sqlite3_value_bytes16>, nullptr, nullptr, nullptr);
}

Result<void> set_up(sqlite3* db, int busy_timeout_ms, std::string const& path) {
  sqlite3_extended_result_codes(db, 1);
  if (sqlite3_busy_timeout(db, busy_timeout_ms) != SQLITE_OK || register_functions(db) != SQLITE_OK)
    return error_of(db, "set up", path);
  return {};
}

bool only_space(std::string_view sql) { return sql.find_first_not_of(" \t\r\n;") == std::string_view::npos; }

}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Result<Database> Database::open(std::string const& path, OpenMode mode, int busy_timeout_ms) {
  // Without its mutexes SQLite runs in its multi-thread mode: connections in several threads, one thread in each.
  B2B_ASSERT(sqlite3_threadsafe() != 0);
  if (path.empty() || path.find('\0') != std::string::npos)
    return make_error(Condition::internal, "cannot open a database without a valid file name", {}, path);
  int flags = SQLITE_OPEN_NOMUTEX;
  switch (mode) {
    case OpenMode::read_only: flags |= SQLITE_OPEN_READONLY; break;
    case OpenMode::read_write: flags |= SQLITE_OPEN_READWRITE; break;
    case OpenMode::create: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE; break;
  }
  // "file:x" and ":memory:" are names of files here, whatever SQLite was built to make of them.
  bool const special = path[0] == ':' || path.starts_with("file:");
  std::string const name = special ? "./" + path : path;
  Database database;
  database.path_ = path;
  sqlite3* db = nullptr;
  int const code = sqlite3_open_v2(name.c_str(), &db, flags, nullptr);
  database.handle_.reset(db);
  if (code != SQLITE_OK) {
    if (db != nullptr) sqlite3_extended_result_codes(db, 1);
    return error_of(db, "open", path);
  }
  B2B_TRY(set_up(db, busy_timeout_ms, path));
  return database;
}

Result<Database> Database::open_memory() {
  Database database;
  database.path_ = "(in memory)";
  sqlite3* db = nullptr;
  int const flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY;
  int const code = sqlite3_open_v2(":memory:", &db, flags, nullptr);
  database.handle_.reset(db);
  if (code != SQLITE_OK) return error_of(db, "open", database.path_);
  B2B_TRY(set_up(db, 0, database.path_));
  return database;
}

Error Database::error(std::string_view doing) const { return error_of(handle(), doing, path_); }

Result<void> Database::execute(std::string_view sql) {
  if (sqlite3_exec(handle(), std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return error("work on");
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle_out = nullptr;
  char const* tail = nullptr;
  int const code = sqlite3_prepare_v3(handle(), sql.data(), static_cast<int>(sql.size()), 0, &handle_out, &tail);
  Statement statement;
  statement.handle_.reset(handle_out);
  if (code != SQLITE_OK) return error("work on");
  if (handle_out == nullptr || !only_space(sql.substr(static_cast<std::size_t>(tail - sql.data()))))
    return make_error(Condition::internal, "expected exactly one SQL statement: " + std::string(sql), {}, path_);
  return statement;
}

Result<std::optional<std::string>> Database::query_text(std::string_view sql) {
  B2B_ASSIGN(Statement statement, prepare(sql));
  B2B_ASSIGN(bool const row, statement.step());
  if (!row || statement.column_is_null(0)) return std::optional<std::string>();
  return std::optional<std::string>(statement.column_text(0));
}

Result<std::optional<std::int64_t>> Database::query_int(std::string_view sql) {
  B2B_ASSIGN(Statement statement, prepare(sql));
  B2B_ASSIGN(bool const row, statement.step());
  if (!row || statement.column_is_null(0)) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(statement.column_int(0));
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle()); }

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);  // its result repeats the error of the last step
}

Statement& Statement::bind(int index, std::int64_t value) {
  B2B_ASSERT(sqlite3_bind_int64(handle_.get(), index, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(int index, std::string_view value) {
  char const* const data = value.empty() ? "" : value.data();  // a null pointer would bind NULL
  B2B_ASSERT(sqlite3_bind_text64(handle_.get(), index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(int index, std::span<std::uint8_t const> value) {
  void const* const data = value.empty() ? static_cast<void const*>("") : value.data();
  B2B_ASSERT(sqlite3_bind_blob64(handle_.get(), index, data, value.size(), SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null(int index) {
  B2B_ASSERT(sqlite3_bind_null(handle_.get(), index) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  switch (sqlite3_step(handle_.get())) {
    case SQLITE_ROW: return true;
    case SQLITE_DONE: return false;
    default: break;
  }
  sqlite3* const db = sqlite3_db_handle(handle_.get());
  return error_of(db, "work on", path_of(db));
}

Result<void> Statement::run() {
  Result<bool> row = step();
  while (row && *row) row = step();
  reset();
  if (!row) return std::move(row).error();
  return {};
}

void Statement::reset() {
  sqlite3_reset(handle_.get());  // its result repeats the error of the last step
  sqlite3_clear_bindings(handle_.get());
}

std::int64_t Statement::column_int(int index) const { return sqlite3_column_int64(handle_.get(), index); }

std::string Statement::column_text(int index) const {
  auto const* const text = sqlite3_column_text(handle_.get(), index);
  auto const size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), index));
  return text == nullptr ? std::string() : std::string(as_text({text, size}));
}

std::string Statement::column_bytes(int index) const {
  auto const* const data = static_cast<char const*>(sqlite3_column_blob(handle_.get(), index));
  auto const size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), index));
  return data == nullptr ? std::string() : std::string(data, size);
}

bool Statement::column_is_null(int index) const { return sqlite3_column_type(handle_.get(), index) == SQLITE_NULL; }

Result<Transaction> Transaction::begin(Database& database) {
  B2B_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // SQLite rolls back by itself after some errors (a full disk, an I/O error).
  if (sqlite3_get_autocommit(database_->handle()) != 0) return;
  auto const rolled_back = database_->execute("ROLLBACK");
  if (!rolled_back) log_warning(rolled_back.error().text());
}

Result<void> Transaction::commit() {
  B2B_ASSERT(database_ != nullptr);
  B2B_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace b2b::sqlite
