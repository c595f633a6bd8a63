#include "core/engine/carry_over.h"

#include <algorithm>
#include <optional>
#include <set>

#include <sqlite3.h>

#include "core/capture/scrub.h"
#include "core/engine/foreign_keys.h"
#include "core/sqlite/sqlite.h"
#include "core/util/file.h"

namespace b2b {
namespace {

// As `openclaw backup sqlite create --global` of OpenClaw 2026.9.6 leaves them out: what is queued would be
// delivered again, and leases name processes of another time.
struct Transient {
  std::string_view table;
  std::string_view where;
};
constexpr Transient transient_rows[] = {
    {"delivery_queue_entries", "1"},
    {"state_leases", "1"},
    {"agent_database_leases", "1"},
    {"plugin_blob_entries", "expires_at IS NOT NULL"},
};

// Which plugins are installed is a fact about this machine: their files are in no snapshot.
constexpr std::string_view machine_table = "config_machine_state";
constexpr std::string_view machine_rows = "state_key='plugins.installedIndex'";

class CarryOver {
 public:
  CarryOver(sqlite::Database& database, bool has_current, CarryOverRules const& rules)
      : database_(database), has_current_(has_current), rules_(rules) {}

  Result<CarryOverReport> run() {
    B2B_ASSIGN(auto const tables, secret_tables_in(database_));
    B2B_TRY(database_.execute("BEGIN IMMEDIATE"));
    for (Transient const& rows : transient_rows)
      B2B_TRY(forget(rows));
    for (SecretTable const& table : tables)
      B2B_TRY(carry(table));
    B2B_TRY(keep_installed_plugins());
    if (report_.changed && !touched_.empty()) {
      auto const names = std::vector<std::string>(touched_.begin(), touched_.end());
      if (auto const rebuilt = rebuild_indexes_over(database_, names); !rebuilt)
        report_.problems.push_back("a full-text index was not built again (" + rebuilt.error().message + ")");
      B2B_TRY(keep_foreign_keys(database_, touched_, carried_, report_.problems));
    }
    B2B_TRY(database_.execute("COMMIT"));
    return std::move(report_);
  }

 private:
  Result<bool> any(std::string const& schema, std::string const& table, std::string const& where) {
    B2B_ASSIGN(auto const found, database_.query_int("SELECT EXISTS(SELECT 1 FROM " + schema + "." +
                                                     sql_identifier(table) + " WHERE " + where + ")"));
    return found.value_or(0) != 0;
  }

  Result<bool> has_table(std::string const& schema, std::string_view table) {
    B2B_ASSIGN(auto const found, database_.query_int("SELECT count(*) FROM " + schema +
                                                     ".sqlite_schema WHERE type='table' AND name=" +
                                                     sql_literal(table) + " COLLATE NOCASE"));
    return found.value_or(0) != 0;
  }

  // Names of the columns that hold values of their own, in the order of the alphabet.
  Result<std::vector<std::string>> columns(std::string const& schema, std::string const& table) {
    B2B_ASSIGN(auto statement,
               database_.prepare("SELECT name FROM pragma_table_xinfo(" + sql_literal(table) + "," +
                                 sql_literal(schema) + ") WHERE hidden=0 ORDER BY name"));
    std::vector<std::string> out;
    for (;;) {
      B2B_ASSIGN(bool const row, statement.step());
      if (!row) return out;
      out.push_back(statement.column_text(0));
    }
  }

  Result<void> forget(Transient const& rows) {
    std::string const table(rows.table);
    B2B_ASSIGN(bool const there, has_table("main", table));
    if (!there) return {};
    auto const found = any("main", table, std::string(rows.where));
    if (!found) {
      report_.problems.push_back(table + " was left as it is (" + found.error().message + ")");
      return {};
    }
    if (!*found) return {};
    B2B_TRY(
        database_.execute("DELETE FROM main." + sql_identifier(table) + " WHERE " + std::string(rows.where)));
    if (rows.table == "delivery_queue_entries")
      report_.forgotten_deliveries = static_cast<std::uint64_t>(database_.changes());
    touch(table);
    return {};
  }

  Result<void> carry(SecretTable const& table) {
    B2B_ASSIGN(bool const in_snapshot, any("main", table.name, table.where));
    if (!has_current_ || (rules_.prefer_snapshot && in_snapshot)) {
      if (!in_snapshot) report_.empty_tables.push_back(table.name);
      return {};
    }
    B2B_ASSIGN(bool const there, has_table("current", table.name));
    B2B_ASSIGN(auto const theirs, columns("main", table.name));
    B2B_ASSIGN(auto const ours, columns("current", table.name));
    bool const fits = there && theirs == ours;
    auto const here = fits ? any("current", table.name, table.where) : Result<bool>(false);
    bool const unreadable = !here;
    if (in_snapshot) B2B_TRY(remove(table));
    if (there && !fits)
      report_.problems.push_back(
          table.name + " is empty now: its columns are not the same in the two versions of OpenClaw");
    if (unreadable)
      report_.problems.push_back(table.name + " is empty now: this machine's rows cannot be read (" +
                                 here.error().message + ")");
    if (unreadable || !*here) {
      if (!in_snapshot) report_.empty_tables.push_back(table.name);
      return {};
    }
    return insert(table.name, table.where, ours, "INSERT INTO");
  }

  Result<void> remove(SecretTable const& table) {
    B2B_TRY(database_.execute("DELETE FROM main." + sql_identifier(table.name) + " WHERE " + table.where));
    touch(table.name);
    return {};
  }

  Result<void> insert(std::string const& table, std::string_view where, std::vector<std::string> const& names,
                      std::string_view verb) {
    std::string list;
    for (std::string const& name : names)
      list += (list.empty() ? "" : ",") + sql_identifier(name);
    B2B_TRY(database_.execute("SAVEPOINT carry"));
    auto const done =
        database_.execute(std::string(verb) + " main." + sql_identifier(table) + "(" + list + ") SELECT " +
                          list + " FROM current." + sql_identifier(table) + " WHERE " + std::string(where));
    if (!done) {
      if (done.error().condition == Condition::no_space) return done;
      B2B_TRY(database_.execute("ROLLBACK TO carry"));
      report_.problems.push_back(table + " is empty now: this machine's rows do not fit (" +
                                 done.error().message + ")");
    } else {
      report_.kept_rows += static_cast<std::uint64_t>(database_.changes());
      report_.kept_tables.push_back(table);
      carried_.insert(table);
      touch(table);
    }
    return database_.execute("RELEASE carry");
  }

  Result<void> keep_installed_plugins() {
    std::string const table(machine_table);
    if (!has_current_) return {};
    for (std::string const schema : {"main", "current"}) {
      B2B_ASSIGN(bool const there, has_table(schema, table));
      if (!there) return {};
    }
    B2B_ASSIGN(auto const theirs, columns("main", table));
    B2B_ASSIGN(auto const ours, columns("current", table));
    bool const named = std::find(ours.begin(), ours.end(), "state_key") != ours.end();
    if (theirs != ours || !named) return {};
    auto const here = any("current", table, std::string(machine_rows));
    if (!here || !*here) return {};
    auto const kept = report_.kept_rows;
    B2B_TRY(insert(table, machine_rows, ours, "INSERT OR REPLACE INTO"));
    report_.kept_rows = kept;  // nothing that a person would miss
    return {};
  }

  void touch(std::string const& table) {
    report_.changed = true;
    touched_.insert(table);
  }

  sqlite::Database& database_;
  bool const has_current_;
  CarryOverRules const& rules_;
  CarryOverReport report_;
  std::set<std::string> touched_;
  std::set<std::string> carried_;
};

Result<void> set_up(sqlite::Database& database) {
  // What OpenClaw's own triggers would do belongs to changes of another kind; foreign keys are put right at
  // the end.
  for (int const option : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_FKEY})
    B2B_ASSERT(sqlite3_db_config(database.handle(), option, 0, nullptr) == SQLITE_OK);
  return database.execute("PRAGMA mmap_size=0; PRAGMA cache_size=-2048; PRAGMA secure_delete=ON;");
}

Error unworkable(Error error, std::string const& staged) {
  if (error.condition == Condition::no_space) return error;
  error.condition = Condition::corrupt;
  error.subject = staged;
  return error;
}

}  // namespace

Result<CarryOverReport> carry_over(std::string const& staged, std::string const& current,
                                   CarryOverRules const& rules) {
  CarryOverReport report;
  {
    auto database = sqlite::Database::open(staged, sqlite::OpenMode::read_write);
    if (!database) return unworkable(database.error(), staged);
    auto ready = set_up(*database);
    bool has_current = false;
    std::string unreadable;
    if (ready && !current.empty()) {
      auto attached = database->execute("ATTACH " + sql_literal(current) + " AS current");
      if (attached) attached = database->execute("SELECT count(*) FROM current.sqlite_schema");
      has_current = static_cast<bool>(attached);
      if (!attached) unreadable = attached.error().message;
    }
    auto done =
        ready ? CarryOver(*database, has_current, rules).run() : Result<CarryOverReport>(ready.error());
    if (!done) {
      if (sqlite3_get_autocommit(database->handle()) == 0) B2B_TRY(database->execute("ROLLBACK"));
      return unworkable(done.error(), staged);
    }
    report = std::move(*done);
    if (!unreadable.empty())
      report.problems.push_back("this machine's own database cannot be read (" + unreadable + ")");
  }
  // The last connection that closes takes its log along; one that stayed would be lost in the swap.
  for (char const* const suffix : {"-wal", "-journal"})
    if (path_exists(staged + suffix))
      return make_error(Condition::io, "SQLite left " + staged + suffix + " behind", "Nothing was changed",
                        staged);
  return report;
}

}  // namespace b2b
