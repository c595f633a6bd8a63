// SQLite databases: found by header, copied by the online backup API, scrubbed, checked.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "core/util/error.h"

namespace b2b {

// Does the file begin with SQLite's magic? Reads 16 bytes through a descriptor of its own, so call it only before
// this process opens the file with SQLite (closing any descriptor of a file drops SQLite's POSIX locks on it).
Result<bool> has_sqlite_header(std::string const& path);

struct DatabaseCopy {
  bool damaged = false;        // quick_check failed, or the source cannot be read as a database
  std::string problem;         // what SQLite said; without `damaged`: what could not be checked here, and why
  bool may_hold_secrets = true;  // false: its schema could be read and has none of the tables that scrub_secrets() empties
};

// Copies the live database at `source` into the new single file `copy` (journal mode DELETE, no sidecars), consistent under
// writers, without writing to or checkpointing the source. `damaged` is an answer, not an error: then `copy` does not exist
// and the caller keeps the raw files. Errors: not_found, permission, no_space, cancelled, busy (locked for 10 s), changed (SQLite
// could not open it where it lies, and it never rested while it was copied byte by byte), io.
// The same state of the source gives the same bytes, whenever it is copied.
// A source that SQLite cannot open for reading there (read-only file system, a crashed writer's journal, a path longer than
// SQLite takes) is first copied byte by byte with its sidecars, while it rests, and put in order in that copy.
// Only one thread at a time works on one file; others wait for it.
// With DatabaseCheck::later the copy is not checked: `damaged` is then only what the copying itself came upon, and
// check_copy() says the rest.
enum class DatabaseCheck { now, later };
Result<DatabaseCopy> copy_database(std::string const& source, std::string const& copy, std::stop_token const& stop,
                                   DatabaseCheck check = DatabaseCheck::now);

// Is a private copy sound, and may it hold secrets? Leaves it where it is, whatever the answer.
DatabaseCopy check_copy(std::string const& copy);

// Removes OpenClaw's secret tables' rows and secret rows (docs/formats.md lists them) from a private copy, so that no byte
// of them, nor of rows deleted from those tables earlier, remains in the file (secure_delete, then VACUUM INTO or rebuild).
// Tables that do not exist are fine; a copy without any of them is not touched. Returns how many rows went. On an error the
// copy must not be used: it may still hold secrets.
Result<std::uint64_t> scrub_secrets(std::string const& copy);

// PRAGMA quick_check; empty when fine, else what is wrong. Where a table needs an SQL function or collation that only its
// own program has, that table is left out. Errors: the file cannot be opened or read.
Result<std::string> check_database(std::string const& path);

}  // namespace b2b
