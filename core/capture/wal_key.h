// The "-wal" part of a StatKey, relative to an open directory.
#pragma once

#include "core/capture/entry.h"

namespace b2b {

// As read_wal_key (scan.h), for the database `name` in the directory `directory_fd`.
void read_wal_key_at(int directory_fd, char const* name, StatKey& key);

}  // namespace b2b
