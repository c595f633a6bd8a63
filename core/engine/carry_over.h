// What a restore leaves as it is on this machine inside a database that it replaces: credentials and
// identities (the tables and rows that a snapshot leaves out, core/capture/scrub.h) and the index of
// installed plugins. And what must not come back to life: rows whose work would be done twice, above all
// queued deliveries.
//
// Works on the staged file, which is private until the swap. A file in which nothing has to be done stays
// byte for byte as it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/util/error.h"

namespace b2b {

struct CarryOverRules {
  bool prefer_snapshot = false;  // a table of which the snapshot holds secret rows keeps those
};

struct CarryOverReport {
  bool changed = false;
  std::uint64_t kept_rows = 0;  // of this machine, put in
  std::vector<std::string> kept_tables;
  std::vector<std::string> empty_tables;  // secret tables of which nobody holds any row
  std::uint64_t forgotten_deliveries = 0;
  std::vector<std::string> problems;  // for the person; each names its table
};

// `current`: a private copy of the database that is replaced; empty: there is none, or it cannot be read. The
// journal mode of `staged` stays as it is, nothing lies beside it afterwards. Rows whose foreign keys would
// point nowhere are left out. A table whose columns differ between the two is left without secret rows.
// Errors: corrupt (the staged database cannot be worked on; it is unchanged), no_space, io.
Result<CarryOverReport> carry_over(std::string const& staged, std::string const& current,
                                   CarryOverRules const& rules);

}  // namespace b2b
