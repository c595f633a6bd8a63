// The way to copy a database that SQLite cannot open where it lies.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "core/util/error.h"

namespace b2b {

// The files that belong to the database at `path`, those that exist: itself, "-wal", "-journal". ("-shm" is only an index
// into the "-wal", made again from it.)
std::vector<std::string> database_files(std::string const& path);

// Copies the source and its sidecars byte by byte to `copy`, `copy`-wal, `copy`-journal while they rest.
// Errors: not_found, permission, no_space, cancelled, changed (they never rested), io.
Result<void> copy_database_files(std::string const& source, std::string const& copy, std::stop_token const& stop);

}  // namespace b2b
