// Which tables and rows of OpenClaw's databases are secrets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/sqlite/sqlite.h"
#include "core/util/error.h"

namespace b2b {

// Does the database have any of the tables that scrub_secrets() (database.h) empties, with rows or without?
Result<bool> has_secret_tables(sqlite::Database& database);

struct SecretTable {
  std::string name;
  std::string where;   // the rows that are secrets; "1" for all of them
};
// Those of the connection's main database, by name.
Result<std::vector<SecretTable>> secret_tables_in(sqlite::Database& database);

// Full-text indexes over these tables do not follow what is changed while triggers are off: they are built again.
Result<void> rebuild_indexes_over(sqlite::Database& database, std::vector<std::string> const& tables);

// A name and a text as SQL writes them.
std::string sql_identifier(std::string_view name);
std::string sql_literal(std::string_view text);

}  // namespace b2b
