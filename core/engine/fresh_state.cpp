#include "core/engine/fresh_state.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "core/capture/database.h"
#include "core/capture/scan.h"
#include "core/sqlite/sqlite.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

struct DatabaseFile {
  std::string path;
  std::string absolute;
};

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// What only a person or an agent at work leaves behind.
std::optional<std::string> file_of_use(std::string_view path) {
  if (path.ends_with(".jsonl") || path.ends_with(".jsonl.zst"))
    return "holds the transcript " + printable(path);
  bool const workspace = path.starts_with("workspace/") || path.starts_with("workspace-") ||
                         (path.starts_with("agents/") && path.find("/workspace/") != std::string_view::npos);
  if (workspace && path.find('/') != std::string_view::npos)
    return "holds the workspace file " + printable(path);
  if (path.starts_with("memory/") && !path.ends_with(".sqlite"))
    return "holds the memory file " + printable(path);
  return std::nullopt;
}

Result<std::optional<std::string>> rows_of_use(DatabaseFile const& file) {
  using Sign = std::optional<std::string>;
  auto const unreadable = [&](Error const& error) {
    return Sign("holds the database " + printable(file.path) + ", which cannot be looked into (" +
                error.message + ")");
  };
  auto database = sqlite::Database::open(file.absolute, sqlite::OpenMode::read_only);
  if (!database) return unreadable(database.error());
  std::vector<std::string> tables;
  {
    auto names = database->prepare(
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
    if (!names) return unreadable(names.error());
    for (;;) {
      auto const more = names->step();
      if (!more) return unreadable(more.error());
      if (!*more) break;
      tables.push_back(names->column_text(0));
    }
  }
  for (std::string const& table : tables) {
    if (!table_tells_of_use(file.path, table)) continue;
    std::string quoted = "\"";
    for (char const c : table)
      quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    auto const rows = database->query_int("SELECT count(*) FROM (SELECT 1 FROM " + quoted + "\" LIMIT 1)");
    if (!rows) return unreadable(rows.error());
    if (rows->value_or(0) > 0)
      return Sign("has rows in the table " + printable(table) + " of " + printable(file.path));
  }
  return Sign();
}

}  // namespace

bool table_tells_of_use(std::string_view database_path, std::string_view table) {
  // Bookkeeping of the schema; full-text indexes have rows in their own tables before anything was indexed.
  if (contains_any(table, {"meta", "schema", "migration", "version"}) || table.ends_with("_config") ||
      table.ends_with("_data"))
    return false;
  if (!database_path.starts_with("state/")) return true;
  // The shared database has rows about the installation itself from the first start on.
  return contains_any(table, {"session", "transcript", "message", "conversation", "cron", "task", "memory",
                              "pairing_paired"});
}

Result<std::optional<std::string>> sign_of_use(std::string const& state_dir, std::stop_token const& stop) {
  std::optional<std::string> sign;
  std::vector<DatabaseFile> databases;
  B2B_ASSIGN(Scope const scope, Scope::build({}, {}));
  ScanCallbacks callbacks;
  callbacks.entry = [&](ScanItem&& item) {
    if (sign || item.entry.type != EntryType::file) return;
    sign = file_of_use(item.entry.path);
    if (sign) return;
    auto const database = has_sqlite_header(item.absolute);
    if (!database) {
      sign = "holds " + printable(item.entry.path) + ", which cannot be read";
    } else if (*database) {
      databases.push_back({item.entry.path, item.absolute});
    }
  };
  callbacks.skip = [&](Skip&& skip) {
    if (!sign && skip.reason != SkipReason::by_rule && skip.reason != SkipReason::vanished)
      sign = "holds " + printable(skip.path) + ", which cannot be read";
  };
  B2B_TRY(scan({Root{"", state_dir}}, scope, 1, callbacks, stop));
  for (DatabaseFile const& file : databases) {
    if (sign) break;
    B2B_ASSIGN(sign, rows_of_use(file));
  }
  return sign;
}

}  // namespace b2b
