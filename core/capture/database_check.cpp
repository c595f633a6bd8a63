#include "core/capture/database_check.h"

#include <sqlite3.h>

#include <vector>

#include "core/capture/database.h"
#include "core/sqlite/sqlite.h"

namespace b2b {
namespace {

using sqlite::Database;

// Runs a quick_check pragma; its findings, joined. `missing`: why it could not run (a function or collation is not here).
Result<std::string> run_check(Database& database, std::string const& sql, std::string& missing) {
  std::string findings;
  auto add = [&](std::string const& finding) { findings += (findings.empty() ? "" : "; ") + finding; };
  auto statement = database.prepare(sql);
  while (statement) {
    auto const row = statement->step();
    if (!row) break;
    if (!*row) return findings;
    if (auto const text = statement->column_text(0); text != "ok") add(text);
  }
  int const code = sqlite3_extended_errcode(database.handle()) & 0xFF;
  std::string const said = sqlite3_errmsg(database.handle());
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    add(said);
  } else if (code == SQLITE_ERROR) {
    missing = said;
  } else {
    return database.error("check");
  }
  return findings;
}

std::string literal(std::string const& text) {
  std::string out = "'";
  for (char const c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

}  // namespace

Result<CheckReport> check_in_full(std::string const& path) {
  B2B_ASSIGN(auto database, Database::open(path, sqlite::OpenMode::read_only));
  B2B_TRY(database.execute("PRAGMA mmap_size=0; PRAGMA cache_size=-2048;"));
  CheckReport report;
  std::string missing;
  B2B_ASSIGN(report.damage, run_check(database, "PRAGMA main.quick_check(3)", missing));
  if (missing.empty() || !report.damage.empty()) return report;

  // Table by table: what can be checked is checked.
  std::vector<std::string> tables;
  {
    B2B_ASSIGN(auto statement, database.prepare("SELECT name FROM main.sqlite_schema WHERE type='table' AND rootpage>0"));
    for (;;) {
      B2B_ASSIGN(bool const row, statement.step());
      if (!row) break;
      tables.push_back(statement.column_text(0));
    }
  }
  for (auto const& table : tables) {
    missing.clear();
    B2B_ASSIGN(std::string const damage, run_check(database, "PRAGMA main.quick_check(" + literal(table) + ")", missing));
    if (!damage.empty()) report.damage += (report.damage.empty() ? "" : "; ") + damage;
    if (!missing.empty()) report.unchecked += (report.unchecked.empty() ? "" : "; ") + table + ": " + missing;
  }
  return report;
}

Result<std::string> check_database(std::string const& path) {
  B2B_ASSIGN(CheckReport report, check_in_full(path));
  return std::move(report.damage);
}

}  // namespace b2b
