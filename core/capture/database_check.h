// PRAGMA quick_check, with an answer for tables that only their own program can read.
#pragma once

#include <string>

#include "core/util/error.h"

namespace b2b {

struct CheckReport {
  std::string damage;     // empty: none found
  std::string unchecked;  // tables that need functions or collations this program lacks; empty: none
};

// Errors: the file cannot be opened or read.
Result<CheckReport> check_in_full(std::string const& path);

}  // namespace b2b
