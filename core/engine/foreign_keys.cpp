#include "core/engine/foreign_keys.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "core/capture/scrub.h"

namespace b2b {
namespace {

constexpr int rounds_at_most = 64;
constexpr std::size_t rows_at_once = 1000;

struct Key {
  std::string table;
  std::int64_t id = 0;
  std::string parent;
  std::string on_delete;
  std::vector<std::string> columns;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_among(std::set<std::string> const& tables, std::string const& name) {
  return std::any_of(tables.begin(), tables.end(),
                     [&](std::string const& table) { return lower(table) == lower(name); });
}

Result<std::vector<Key>> keys_of(sqlite::Database& database) {
  B2B_ASSIGN(
      auto statement,
      database.prepare("SELECT m.name,f.id,f.\"table\",f.on_delete,f.\"from\" FROM main.sqlite_schema m, "
                       "pragma_foreign_key_list(m.name) f WHERE m.type='table' AND m.rootpage>0 "
                       "ORDER BY m.name,f.id,f.seq"));
  std::vector<Key> out;
  for (;;) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) return out;
    Key key{statement.column_text(0),
            statement.column_int(1),
            statement.column_text(2),
            statement.column_text(3),
            {}};
    if (out.empty() || out.back().table != key.table || out.back().id != key.id) out.push_back(key);
    out.back().columns.push_back(statement.column_text(4));
  }
}

// Rows that violate the key; nullopt: of a table without row numbers.
struct Violations {
  std::vector<std::int64_t> rows;
  bool unnumbered = false;
};

Result<Violations> violations_of(sqlite::Database& database, Key const& key) {
  B2B_ASSIGN(auto statement,
             database.prepare("PRAGMA main.foreign_key_check(" + sql_identifier(key.table) + ")"));
  Violations out;
  while (out.rows.size() < rows_at_once) {
    B2B_ASSIGN(bool const row, statement.step());
    if (!row) break;
    if (statement.column_int(3) != key.id) continue;
    if (statement.column_is_null(1))
      out.unnumbered = true;
    else
      out.rows.push_back(statement.column_int(1));
  }
  return out;
}

class Keeper {
 public:
  Keeper(sqlite::Database& database, std::set<std::string> touched, std::set<std::string> const& carried,
         std::vector<std::string>& problems)
      : database_(database), touched_(std::move(touched)), carried_(carried), problems_(problems) {}

  Result<void> run() {
    B2B_ASSIGN(auto const keys, keys_of(database_));
    for (int round = 0; round < rounds_at_most; ++round) {
      bool again = false;
      for (Key const& key : keys) {
        if (!is_among(carried_, key.table) && !is_among(touched_, key.parent)) continue;
        B2B_ASSIGN(bool const changed, settle(key));
        again = again || changed;
      }
      if (!again) break;
    }
    for (auto const& [table, count] : left_out_)
      problems_.push_back(std::to_string(count) + (count == 1 ? " row of " : " rows of ") + table +
                          " could not be kept: what it belongs to is not in the snapshot");
    return {};
  }

 private:
  Result<bool> settle(Key const& key) {
    bool const carried = is_among(carried_, key.table);
    bool const cascades = key.on_delete == "CASCADE";
    bool const nulls = key.on_delete == "SET NULL";
    auto const found = violations_of(database_, key);
    if (!found) {
      tell_once(key.table + ": its foreign keys cannot be checked (" + found.error().message + ")");
      return false;
    }
    if (found->rows.empty() && !found->unnumbered) return false;
    if (found->unnumbered || (!carried && !cascades && !nulls)) {
      tell_once(key.table + " holds rows that belong to rows of " + key.parent + " which are not there");
      return false;
    }
    std::string sql = "DELETE FROM main." + sql_identifier(key.table) + " WHERE rowid=?1";
    if (!carried && nulls) {
      sql.clear();
      for (std::string const& column : key.columns)
        sql += (sql.empty() ? "" : ",") + sql_identifier(column) + "=NULL";
      sql = "UPDATE main." + sql_identifier(key.table) + " SET " + sql + " WHERE rowid=?1";
    }
    B2B_ASSIGN(auto statement, database_.prepare(sql));
    for (std::int64_t const row : found->rows) {
      statement.bind(1, row);
      B2B_TRY(statement.run());
    }
    if (carried) left_out_[key.table] += found->rows.size();
    touched_.insert(key.table);
    return true;
  }

  void tell_once(std::string text) {
    if (std::find(problems_.begin(), problems_.end(), text) == problems_.end())
      problems_.push_back(std::move(text));
  }

  sqlite::Database& database_;
  std::set<std::string> touched_;
  std::set<std::string> const& carried_;
  std::vector<std::string>& problems_;
  std::map<std::string, std::size_t> left_out_;
};

}  // namespace

Result<void> keep_foreign_keys(sqlite::Database& database, std::set<std::string> touched,
                               std::set<std::string> const& carried, std::vector<std::string>& problems) {
  return Keeper(database, std::move(touched), carried, problems).run();
}

}  // namespace b2b
