#include "core/snapshot/catalog_rows.h"

#include <algorithm>

#include "core/util/encoding.h"

namespace b2b::catalog {
namespace {

// Bits of the column "flags".
constexpr std::int64_t has_metadata = 1, database = 2, damaged = 4, cut = 8;

#define B2B_CATALOG_COLUMNS                                                                               \
  "path,type,size,hash,mode,uid,gid,mtime,target,link,xattrs,flags,inode,live_size,live_mtime,ctime,wal_" \
  "size,wal_mtime,"                                                                                       \
  "wal_salt,captured_at,stored_name,stored_size,state"
#define B2B_CATALOG_VALUES \
  " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23)"

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

void append_piece(std::string& out, std::string_view piece) {
  auto const size = static_cast<std::uint32_t>(piece.size());
  for (unsigned shift = 0; shift < 32; shift += 8)
    out += static_cast<char>(size >> shift & 0xFF);
  out += piece;
}

bool take_piece(std::string_view& in, std::string& out) {
  if (in.size() < 4) return false;
  std::uint32_t size = 0;
  for (unsigned i = 0; i < 4; ++i)
    size |= std::uint32_t{static_cast<unsigned char>(in[i])} << (8 * i);
  in.remove_prefix(4);
  if (in.size() < size) return false;
  out = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

// Each name and value with its length (32 bits, little endian) before it.
std::string pack(std::map<std::string, std::string> const& xattrs) {
  std::string out;
  for (auto const& [name, value] : xattrs) {
    append_piece(out, name);
    append_piece(out, value);
  }
  return out;
}

bool unpack(std::string_view packed, std::map<std::string, std::string>& out) {
  while (!packed.empty()) {
    std::string name, value;
    if (!take_piece(packed, name) || !take_piece(packed, value)) return false;
    out.emplace(std::move(name), std::move(value));
  }
  return true;
}

void bind_bytes_unless_empty(sqlite::Statement& statement, int index, std::string_view bytes) {
  if (bytes.empty())
    statement.bind_null(index);
  else
    statement.bind_blob(index, as_bytes(bytes));
}

}  // namespace

char const* const create_tables =
    "CREATE TABLE entries(path BLOB PRIMARY KEY NOT NULL,type INTEGER NOT NULL,size INTEGER NOT NULL,hash "
    "BLOB,"
    "mode INTEGER,uid INTEGER,gid INTEGER,mtime INTEGER,target BLOB,link BLOB,xattrs BLOB,flags "
    "INTEGER,inode INTEGER,"
    "live_size INTEGER,live_mtime INTEGER,ctime INTEGER,wal_size INTEGER,wal_mtime INTEGER,wal_salt INTEGER,"
    "captured_at INTEGER,stored_name BLOB,stored_size INTEGER,state INTEGER) WITHOUT ROWID;"
    "CREATE TABLE meta(key BLOB PRIMARY KEY NOT NULL,value BLOB NOT NULL) WITHOUT ROWID;";
char const* const create_index =
    "CREATE INDEX IF NOT EXISTS entries_by_hash ON entries(hash) WHERE hash IS NOT NULL;";
char const* const put_sql = "INSERT OR REPLACE INTO entries(" B2B_CATALOG_COLUMNS ")" B2B_CATALOG_VALUES;
char const* const insert_sql = "INSERT OR IGNORE INTO entries(" B2B_CATALOG_COLUMNS ")" B2B_CATALOG_VALUES;

std::string select_sql(std::string_view where_and_order) {
  return "SELECT " B2B_CATALOG_COLUMNS " FROM entries " + std::string(where_and_order);
}

void bind_row(sqlite::Statement& statement, CatalogEntry const& row) {
  Entry const& entry = row.entry;
  std::int64_t const flags = (entry.has_metadata ? has_metadata : 0) | (entry.database ? database : 0) |
                             (entry.damaged ? damaged : 0) | (entry.cut ? cut : 0);
  statement.bind_blob(1, as_bytes(entry.path));
  statement.bind(2, static_cast<std::int64_t>(entry.type));
  statement.bind(3, as_signed(entry.size));
  if (entry.type == EntryType::file)
    statement.bind_blob(4, entry.hash);
  else
    statement.bind_null(4);
  statement.bind(5, entry.mode).bind(6, entry.uid).bind(7, entry.gid).bind(8, entry.mtime_ns);
  bind_bytes_unless_empty(statement, 9, entry.target);
  bind_bytes_unless_empty(statement, 10, entry.hard_link_of);
  bind_bytes_unless_empty(statement, 11, pack(entry.xattrs));
  statement.bind(12, flags).bind(13, as_signed(entry.stat.inode)).bind(14, as_signed(entry.stat.size));
  statement.bind(15, entry.stat.mtime_ns)
      .bind(16, entry.stat.ctime_ns)
      .bind(17, as_signed(entry.stat.wal_size));
  statement.bind(18, entry.stat.wal_mtime_ns)
      .bind(19, as_signed(entry.stat.wal_salt))
      .bind(20, entry.captured_at_ns);
  bind_bytes_unless_empty(statement, 21, row.stored_name);
  statement.bind(22, as_signed(row.stored_size)).bind(23, row.state);
}

bool read_row(sqlite::Statement const& statement, CatalogEntry& out) {
  Entry& entry = out.entry;
  entry.path = statement.column_bytes(0);
  std::int64_t const type = statement.column_int(1);
  if (type < 0 || type > static_cast<std::int64_t>(EntryType::symlink)) return false;
  entry.type = static_cast<EntryType>(type);
  entry.size = as_unsigned(statement.column_int(2));
  if (entry.type == EntryType::file) {
    std::string const hash = statement.column_bytes(3);
    if (hash.size() != entry.hash.size()) return false;
    std::copy(hash.begin(), hash.end(), entry.hash.begin());
  }
  entry.mode = static_cast<std::uint32_t>(statement.column_int(4));
  entry.uid = static_cast<std::uint32_t>(statement.column_int(5));
  entry.gid = static_cast<std::uint32_t>(statement.column_int(6));
  entry.mtime_ns = statement.column_int(7);
  entry.target = statement.column_bytes(8);
  entry.hard_link_of = statement.column_bytes(9);
  if (!unpack(statement.column_bytes(10), entry.xattrs)) return false;
  std::int64_t const flags = statement.column_int(11);
  entry.has_metadata = (flags & has_metadata) != 0;
  entry.database = (flags & database) != 0;
  entry.damaged = (flags & damaged) != 0;
  entry.cut = (flags & cut) != 0;
  entry.stat.inode = as_unsigned(statement.column_int(12));
  entry.stat.size = as_unsigned(statement.column_int(13));
  entry.stat.mtime_ns = statement.column_int(14);
  entry.stat.ctime_ns = statement.column_int(15);
  entry.stat.wal_size = as_unsigned(statement.column_int(16));
  entry.stat.wal_mtime_ns = statement.column_int(17);
  entry.stat.wal_salt = as_unsigned(statement.column_int(18));
  entry.captured_at_ns = statement.column_int(19);
  out.stored_name = statement.column_bytes(20);
  out.stored_size = as_unsigned(statement.column_int(21));
  out.state = static_cast<std::uint32_t>(statement.column_int(22));
  return true;
}

}  // namespace b2b::catalog
