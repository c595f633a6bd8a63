// Which tables and rows of OpenClaw's databases are secrets.
#pragma once

#include "core/sqlite/sqlite.h"
#include "core/util/error.h"

namespace b2b {

// Does the database have any of the tables that scrub_secrets() (database.h) empties, with rows or without?
Result<bool> has_secret_tables(sqlite::Database& database);

}  // namespace b2b
