// The rows of a catalog: its tables, and entries to rows and back. Internal to core/snapshot.
#pragma once

#include <string>

#include "core/snapshot/catalog.h"

namespace b2b::catalog {

inline constexpr std::int64_t application_id = 0x42324243;  // "B2BC": set when a catalog is sealed
inline constexpr std::int64_t format_version = 1;

extern char const* const create_tables;
extern char const* const create_index;
extern char const* const put_sql;     // insert or replace
extern char const* const insert_sql;  // insert, or nothing when the path is there
std::string select_sql(std::string_view where_and_order);

void bind_row(sqlite::Statement& statement, CatalogEntry const& row);  // for put_sql and insert_sql
bool read_row(sqlite::Statement const& statement, CatalogEntry& out);  // false: not what bind_row() writes

}  // namespace b2b::catalog
