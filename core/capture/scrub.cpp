#include "core/capture/scrub.h"

#include <sqlite3.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "core/capture/database.h"
#include "core/util/byte_stream.h"

namespace b2b {
namespace {

// Every row is a secret: state/openclaw.sqlite, then the agent databases.
constexpr std::string_view secret_tables[] = {
    "audit_identity_keys", "apns_registrations", "channel_ingress_events", "channel_pairing_requests",
    "clawhub_promotion_claims", "config_revision_keys", "device_auth_tokens", "device_bootstrap_tokens",
    "device_identities", "device_pairing_join_codes", "device_pairing_paired", "gateway_origin_device_tokens",
    "mcp_oauth_pending_authorizations", "mcp_oauth_stores", "native_hook_relay_bridges", "secret_store_entries",
    "web_push_subscriptions", "worker_environment_credentials",
    "auth_profile_state", "auth_profile_store", "session_suggestions",
};

// In this one the rows whose key begins so.
constexpr std::string_view partly_secret_table = "config_machine_state";
constexpr std::string_view key_column = "key";
constexpr std::string_view secret_key_prefixes[] = {"authProfiles.", "nodeHost.", "webPush.vapidKeys"};

std::string quoted(std::string_view name, char quote) {
  std::string out(1, quote);
  for (char const c : name) {
    out.push_back(c);
    if (c == quote) out.push_back(quote);
  }
  out.push_back(quote);
  return out;
}
std::string identifier(std::string_view name) { return sql_identifier(name); }
std::string literal(std::string_view text) { return sql_literal(text); }

// "'a','b',…": the names of all tables that hold secrets.
std::string all_names() {
  std::string out = literal(partly_secret_table);
  for (auto const name : secret_tables) out += "," + literal(name);
  return out;
}

Result<std::vector<std::string>> names(sqlite::Database& database, std::string const& sql) {
  B2B_ASSIGN(auto statement, database.prepare(sql));
  std::vector<std::string> out;
  for (;;) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) return out;
    out.push_back(statement.column_text(0));
  }
}

Result<std::vector<std::string>> secret_tables_of(sqlite::Database& database) {
  return names(database, "SELECT name FROM main.sqlite_schema WHERE type='table' AND name COLLATE NOCASE IN (" +
                             all_names() + ") ORDER BY name");
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(a.size())) == 0;
}

// The WHERE of what must go from `table`; "1" is every row.
Result<std::string> secret_rows(sqlite::Database& database, std::string const& table) {
  if (!same_name(table, partly_secret_table)) return std::string("1");
  B2B_ASSIGN(auto columns, names(database, "SELECT name FROM pragma_table_info(" + literal(table) + ")"));
  std::vector<std::string> keys;
  for (auto const& column : columns)
    if (same_name(column, key_column)) keys = {column};
  // A release that names its key otherwise: whatever column holds such a key.
  if (keys.empty()) keys = columns;
  std::string out;
  for (auto const& column : keys)
    for (auto const prefix : secret_key_prefixes)
      out += std::string(out.empty() ? "" : " OR ") + "substr(CAST(" + identifier(column) + " AS TEXT),1," +
             std::to_string(prefix.size()) + ")=" + literal(prefix);
  return out;
}

// Statistics hold samples of indexed values.
Result<void> forget_statistics(sqlite::Database& database) {
  B2B_ASSIGN(auto tables, names(database, "SELECT name FROM main.sqlite_schema WHERE type='table' AND name IN "
                                          "('sqlite_stat1','sqlite_stat3','sqlite_stat4') ORDER BY name"));
  for (auto const& table : tables)
    B2B_TRY(database.execute("DELETE FROM main." + identifier(table) + " WHERE tbl COLLATE NOCASE IN (" + all_names() + ")"));
  return {};
}

Result<void> set_up(sqlite::Database& database) {
  // Nothing in the database's own schema may keep a row, copy it elsewhere or add one.
  for (int const option : {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_FKEY})
    B2B_ASSERT(sqlite3_db_config(database.handle(), option, 0, nullptr) == SQLITE_OK);
  return database.execute(
      "PRAGMA mmap_size=0; PRAGMA cache_size=-2048; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF;"
      "PRAGMA journal_mode=OFF; PRAGMA secure_delete=ON; PRAGMA ignore_check_constraints=ON;");
}

// Empties the tables in `copy` and writes what is left into the new file `clean`.
Result<std::uint64_t> scrub_into(std::string const& copy, std::string const& clean) {
  B2B_ASSIGN(auto database, sqlite::Database::open(copy, sqlite::OpenMode::read_write));
  B2B_TRY(set_up(database));
  B2B_ASSIGN(auto const tables, secret_tables_of(database));
  std::uint64_t gone = 0;
  for (auto const& table : tables) {
    B2B_ASSIGN(std::string const where, secret_rows(database, table));
    B2B_TRY(database.execute("DELETE FROM main." + identifier(table) + " WHERE " + where));
    gone += static_cast<std::uint64_t>(database.changes());
  }
  B2B_TRY(forget_statistics(database));
  B2B_TRY(rebuild_indexes_over(database, tables));
  // Free pages and the slack inside pages may still hold rows that were deleted before: only rebuilding leaves them behind.
  B2B_TRY(database.execute("VACUUM main INTO " + literal(clean)));

  B2B_ASSIGN(auto result, sqlite::Database::open(clean, sqlite::OpenMode::read_only));
  for (auto const& table : tables) {
    B2B_ASSIGN(std::string const where, secret_rows(result, table));
    B2B_ASSIGN(auto const left, result.query_int("SELECT count(*) FROM main." + identifier(table) + " WHERE " + where));
    if (left.value_or(1) != 0)
      return make_error(Condition::internal, "rows of the table " + table + " could not be removed", {}, copy);
  }
  return gone;
}

}  // namespace

std::string sql_identifier(std::string_view name) { return quoted(name, '"'); }
std::string sql_literal(std::string_view text) { return quoted(text, '\''); }

Result<std::vector<SecretTable>> secret_tables_in(sqlite::Database& database) {
  B2B_ASSIGN(auto const tables, secret_tables_of(database));
  std::vector<SecretTable> out;
  for (auto const& table : tables) {
    B2B_ASSIGN(std::string where, secret_rows(database, table));
    out.push_back({table, std::move(where)});
  }
  return out;
}

Result<void> rebuild_indexes_over(sqlite::Database& database, std::vector<std::string> const& tables) {
  for (auto const& table : tables) {
    B2B_ASSIGN(auto indexes,
               names(database, "SELECT name FROM main.sqlite_schema WHERE type='table' AND rootpage=0 AND instr(lower(sql)," +
                                   literal(table) + ")>0 AND lower(name) NOT IN (" + all_names() + ") ORDER BY name"));
    for (auto const& index : indexes)
      B2B_TRY(database.execute("INSERT INTO main." + identifier(index) + "(" + identifier(index) + ") VALUES('rebuild')"));
  }
  return {};
}

Result<bool> has_secret_tables(sqlite::Database& database) {
  B2B_ASSIGN(auto const tables, secret_tables_of(database));
  return !tables.empty();
}

Result<std::uint64_t> scrub_secrets(std::string const& copy) {
  {
    B2B_ASSIGN(auto database, sqlite::Database::open(copy, sqlite::OpenMode::read_only));
    B2B_ASSIGN(bool const any, has_secret_tables(database));
    if (!any) return std::uint64_t{0};
  }
  std::string const clean = copy + "-clean";
  B2B_TRY(FileSink::create(clean));  // 0600; SQLite takes an empty file for a new one
  auto gone = scrub_into(copy, clean);
  if (gone && ::rename(clean.c_str(), copy.c_str()) != 0) gone = errno_error(errno, "rename", clean);
  if (!gone) ::unlink(clean.c_str());
  return gone;
}

}  // namespace b2b
