// RAII over SQLite's C API: connections, statements, errors as values. A connection and its statements belong to one
// thread at a time. Header keeps sqlite3.h out by forward declarations.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/util/encoding.h"
#include "core/util/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace b2b::sqlite {

class Statement;

enum class OpenMode { read_only, read_write, create };

class Database {
 public:
  // Opens `path` (not a URI). Every connection gets a busy timeout of `busy_timeout_ms`, and the SQL function
  // octet_length(X) where the library lacks it (OpenClaw's agent database uses it; SQLite has it from 3.43).
  static Result<Database> open(std::string const& path, OpenMode mode, int busy_timeout_ms = 5000);
  static Result<Database> open_memory();

  Result<void> execute(std::string_view sql);                        // one or more statements, no results
  Result<Statement> prepare(std::string_view sql);                   // one statement
  Result<std::optional<std::string>> query_text(std::string_view sql);  // first column of the first row
  Result<std::optional<std::int64_t>> query_int(std::string_view sql);
  std::int64_t changes() const;
  sqlite3* handle() const { return handle_.get(); }
  std::string const& path() const { return path_; }
  Error error(std::string_view doing) const;                         // the connection's last error, as ours

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

// Parameters and columns count from 1 and 0, as in SQLite. bind_* copy their argument; binding
// outside the statement's parameters, or between step() and reset(), is a programming error and asserted.
class Statement {
 public:
  Statement& bind(int index, std::int64_t value);
  Statement& bind_text(int index, std::string_view value);
  Statement& bind_blob(int index, std::span<std::uint8_t const> value);
  Statement& bind_null(int index);
  Result<bool> step();                                               // true: a row is there
  Result<void> run();                                                // step to the end, then reset
  void reset();                                                      // and clear bindings
  std::int64_t column_int(int index) const;
  std::string column_text(int index) const;
  std::string column_bytes(int index) const;
  bool column_is_null(int index) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// BEGIN IMMEDIATE … COMMIT; rolls back on destruction unless committed. The database must stay where it is meanwhile.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace b2b::sqlite
