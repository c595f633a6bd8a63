// The entries of one directory, without following a symlink to it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

struct stat;

namespace b2b {

// Calls `entry` for each name but "." and "..", in no order; `is_directory` is false for a symlink to one. Returns 0 or the
// errno of what failed; entries seen by then were named. `follow`: the directory itself may be a symlink.
int list_directory(std::string const& path, bool follow,
                   std::function<void(std::string_view name, bool is_directory)> const& entry);

// Same, with lstat(2) of each; those that vanished meanwhile are left out. `self`, if not null, gets the directory's own.
int list_directory_stat(std::string const& path, bool follow, struct stat* self,
                        std::function<void(std::string_view name, struct stat const& info)> const& entry);

}  // namespace b2b
