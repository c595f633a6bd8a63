// Foreign keys of a database in which rows were put in and taken out behind its back.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/sqlite/sqlite.h"

namespace b2b {

// After changes to the tables `touched`, in the open transaction: rows of `carried` tables that point nowhere
// are taken out again, and said in `problems`; rows of other tables that point to what is no longer there go
// as their ON DELETE says (CASCADE, SET NULL). Violations that have nothing to do with these tables stay.
Result<void> keep_foreign_keys(sqlite::Database& database, std::set<std::string> touched,
                               std::set<std::string> const& carried, std::vector<std::string>& problems);

}  // namespace b2b
