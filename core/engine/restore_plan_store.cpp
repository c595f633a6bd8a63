#include "core/engine/restore_plan_store.h"

#include <fcntl.h>

#include "core/engine/gateway_files.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;
constexpr std::size_t databases_named = 5;

constexpr std::string_view create_tables =
    "CREATE TABLE plan(path BLOB PRIMARY KEY,number INTEGER,action INTEGER,type INTEGER,bytes INTEGER,"
    "old_type INTEGER,old_mode INTEGER,old_uid INTEGER,old_gid INTEGER,old_size INTEGER,old_mtime INTEGER,"
    "old_inode INTEGER,old_links INTEGER,old_mount INTEGER,flags INTEGER,mount_top BLOB,problem TEXT,"
    "old_ctime INTEGER) "
    "WITHOUT ROWID;"
    "CREATE INDEX plan_by_number ON plan(number);";

constexpr std::string_view columns =
    "path,number,action,type,bytes,old_type,old_mode,old_uid,old_gid,old_size,old_mtime,old_inode,old_links,"
    "old_mount,"
    "flags,mount_top,problem,old_ctime";

// Bits of the column "flags"; displaces is also tested in SQL.
constexpr std::int64_t displaces = 1;
constexpr std::int64_t touches_database = 2;
constexpr std::int64_t makes_database = 4;
constexpr std::int64_t only_if_emptied = 8;
constexpr std::int64_t is_staged = 16;
constexpr std::int64_t staged_is_database = 32;

constexpr std::int64_t nothing_there = -1;

std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

PlanRow read_row(sqlite::Statement const& row) {
  PlanRow out;
  PlanItem& item = out.item;
  item.path = row.column_bytes(0);
  out.number = static_cast<std::uint64_t>(row.column_int(1));
  item.action = static_cast<PlanAction>(row.column_int(2));
  item.type = static_cast<EntryType>(row.column_int(3));
  item.bytes = static_cast<std::uint64_t>(row.column_int(4));
  if (row.column_int(5) != nothing_there) {
    NodeStatus old;
    old.type = static_cast<NodeType>(row.column_int(5));
    old.mode = static_cast<std::uint32_t>(row.column_int(6));
    old.uid = static_cast<std::uint32_t>(row.column_int(7));
    old.gid = static_cast<std::uint32_t>(row.column_int(8));
    old.size = static_cast<std::uint64_t>(row.column_int(9));
    old.mtime_ns = row.column_int(10);
    old.inode = static_cast<std::uint64_t>(row.column_int(11));
    old.links = static_cast<std::uint64_t>(row.column_int(12));
    old.mount = static_cast<std::uint64_t>(row.column_int(13));
    old.ctime_ns = row.column_int(17);
    item.existing = old;
  }
  std::int64_t const flags = row.column_int(14);
  item.displaces = (flags & displaces) != 0;
  item.touches_database = (flags & touches_database) != 0;
  item.makes_database = (flags & makes_database) != 0;
  item.only_if_emptied = (flags & only_if_emptied) != 0;
  out.staged = (flags & is_staged) != 0;
  out.staged_database = (flags & staged_is_database) != 0;
  item.mount_top = row.column_bytes(15);
  item.problem = row.column_text(16);
  return out;
}

}  // namespace

Result<PlanStore> PlanStore::create(std::string const& path, std::uint64_t first_number) {
  B2B_TRY(open_file(path, O_CREAT | O_EXCL | O_RDWR, "create the plan of the restore", 0600));
  B2B_ASSIGN(auto database, sqlite::Database::open(path, sqlite::OpenMode::create));
  // Thrown away with its directory whatever happens: no journal, no waiting for the disk.
  B2B_TRY(
      database.execute("PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;"
                       "PRAGMA cache_size=-2048;BEGIN;"));
  B2B_TRY(database.execute(create_tables));
  return PlanStore(std::move(database), first_number);
}

Result<void> PlanStore::put(PlanItem const& item) {
  if (!insert_) {
    B2B_ASSIGN(insert_,
               database_.prepare("INSERT OR REPLACE INTO plan(" + std::string(columns) +
                                 ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)"));
  }
  NodeStatus const old = item.existing.value_or(NodeStatus{});
  std::int64_t const flags =
      (item.displaces ? displaces : 0) | (item.touches_database ? touches_database : 0) |
      (item.makes_database ? makes_database : 0) | (item.only_if_emptied ? only_if_emptied : 0);
  insert_->reset();
  insert_->bind_blob(1, as_bytes(item.path))
      .bind(2, number(next_number_++))
      .bind(3, static_cast<std::int64_t>(item.action))
      .bind(4, static_cast<std::int64_t>(item.type))
      .bind(5, number(item.bytes))
      .bind(6, item.existing ? static_cast<std::int64_t>(old.type) : nothing_there)
      .bind(7, old.mode)
      .bind(8, old.uid)
      .bind(9, old.gid)
      .bind(10, number(old.size))
      .bind(11, old.mtime_ns)
      .bind(12, number(old.inode))
      .bind(13, number(old.links))
      .bind(14, number(old.mount))
      .bind(15, flags)
      .bind_blob(16, as_bytes(item.mount_top))
      .bind_text(17, item.problem)
      .bind(18, old.ctime_ns);
  return insert_->run();
}

Result<std::optional<PlanRow>> PlanStore::find(std::string_view path) {
  if (!find_) {
    B2B_ASSIGN(find_, database_.prepare("SELECT " + std::string(columns) + " FROM plan WHERE path=?1"));
  }
  find_->reset();
  find_->bind_blob(1, as_bytes(path));
  B2B_ASSIGN(bool const there, find_->step());
  std::optional<PlanRow> out;
  if (there) out = read_row(*find_);
  find_->reset();
  return out;
}

Result<void> PlanStore::set_staged(std::uint64_t row, bool database) {
  if (!set_staged_) {
    B2B_ASSIGN(set_staged_, database_.prepare("UPDATE plan SET flags=flags|?2 WHERE number=?1"));
  }
  set_staged_->reset();
  set_staged_->bind(1, number(row)).bind(2, is_staged | (database ? staged_is_database : 0));
  return set_staged_->run();
}

Result<void> PlanStore::take_staged(PlanRow const& staged) {
  B2B_ASSIGN(auto update, database_.prepare("UPDATE plan SET number=?2,flags=flags|?3 WHERE path=?1"));
  update.bind_blob(1, as_bytes(staged.item.path))
      .bind(2, number(staged.number))
      .bind(3, is_staged | (staged.staged_database ? staged_is_database : 0));
  return update.run();
}

Result<void> PlanStore::set_refused(std::uint64_t row, std::string_view problem) {
  B2B_ASSIGN(auto update, database_.prepare("UPDATE plan SET action=?2,problem=?3 WHERE number=?1"));
  update.bind(1, number(row)).bind(2, static_cast<std::int64_t>(PlanAction::refused)).bind_text(3, problem);
  return update.run();
}

Result<void> PlanStore::for_each(std::initializer_list<PlanAction> actions, Order order,
                                 std::function<Result<void>(PlanRow&&)> const& visit) {
  std::string wanted;
  for (PlanAction const action : actions)
    wanted += (wanted.empty() ? "" : ",") + std::to_string(static_cast<int>(action));
  std::string last;
  for (bool first = true;; first = false) {
    B2B_ASSIGN(auto rows, next_rows(wanted, order, last, first));
    if (rows.empty()) return {};
    last = rows.back().item.path;
    for (PlanRow& row : rows)
      B2B_TRY(visit(std::move(row)));
  }
}

Result<std::vector<PlanRow>> PlanStore::batch(PlanAction action, std::string_view last, bool from_start) {
  return next_rows(std::to_string(static_cast<int>(action)), Order::ascending, last, from_start);
}

Result<std::vector<PlanRow>> PlanStore::next_rows(std::string const& actions, Order order,
                                                  std::string_view last, bool from_start) {
  bool const up = order == Order::ascending;
  B2B_ASSIGN(
      auto statement,
      database_.prepare("SELECT " + std::string(columns) + " FROM plan WHERE action IN(" + actions + ")" +
                        (from_start ? ""
                         : up       ? " AND path>?1"
                                    : " AND path<?1") +
                        " ORDER BY path" + (up ? "" : " DESC") + " LIMIT " + std::to_string(batch_size)));
  if (!from_start) statement.bind_blob(1, as_bytes(last));
  std::vector<PlanRow> rows;
  for (;;) {
    B2B_ASSIGN(bool const more, statement.step());
    if (!more) return rows;
    rows.push_back(read_row(statement));
  }
}

Result<bool> PlanStore::moves_anything_below(std::string_view directory) {
  B2B_ASSIGN(auto statement,
             database_.prepare("SELECT 1 FROM plan WHERE path>?1 AND path<?2 AND action=?3 LIMIT 1"));
  // '0' follows '/': everything below the directory lies between the two.
  statement.bind_blob(1, as_bytes(std::string(directory) + "/"))
      .bind_blob(2, as_bytes(std::string(directory) + "0"));
  statement.bind(3, static_cast<std::int64_t>(PlanAction::move_away));
  return statement.step();
}

Result<std::map<std::string, PlanStore::MountNeeds>> PlanStore::mounts() {
  B2B_ASSIGN(
      auto statement,
      database_.prepare("SELECT mount_top,sum((bytes+4095)/4096*4096),count(*) FROM plan WHERE action IN(" +
                        std::to_string(static_cast<int>(PlanAction::write_file)) + "," +
                        std::to_string(static_cast<int>(PlanAction::make_symlink)) + "," +
                        std::to_string(static_cast<int>(PlanAction::move_away)) +
                        ") OR (flags&1)!=0 GROUP BY mount_top"));
  std::map<std::string, MountNeeds> out;
  for (;;) {
    B2B_ASSIGN(bool const more, statement.step());
    if (!more) return out;
    out[statement.column_bytes(0)] = {static_cast<std::uint64_t>(statement.column_int(1)),
                                      static_cast<std::uint64_t>(statement.column_int(2))};
  }
}

void count_item(PlanTotals& totals, PlanItem const& item) {
  bool const replaces = item.existing.has_value();
  switch (item.action) {
    case PlanAction::unchanged:
      ++totals.unchanged;
      break;
    case PlanAction::write_file:
    case PlanAction::make_symlink:
      ++totals.files_written;
      totals.bytes += item.bytes;
      totals.overwritten += replaces ? 1 : 0;
      totals.makes_databases = totals.makes_databases || item.makes_database;
      totals.changes_gateway_files = totals.changes_gateway_files || is_kept_by_gateway(item.path);
      break;
    case PlanAction::make_directory:
      ++totals.directories_made;
      totals.overwritten += replaces ? 1 : 0;
      break;
    case PlanAction::keep_directory:
      totals.directories_changed += item.changes_mode ? 1 : 0;
      break;
    case PlanAction::set_metadata:
      ++totals.metadata_set;
      ++totals.overwritten;
      break;
    case PlanAction::move_away:
      ++totals.moved_away;
      ++totals.overwritten;
      totals.changes_gateway_files = totals.changes_gateway_files || is_kept_by_gateway(item.path);
      break;
    case PlanAction::remove_directory:
      ++totals.directories_removed;
      break;
    case PlanAction::refused:
      ++totals.refused;
      break;
  }
  if (item.touches_database && totals.databases.size() < databases_named)
    totals.databases.push_back(item.path);
}

}  // namespace b2b
