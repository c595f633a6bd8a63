// Opens things below a directory without following a symbolic link on the way, however long the path is.
#pragma once

#include <string>
#include <string_view>

#include "core/util/fd.h"

namespace b2b {

// `relative` has no empty, "." or ".." components. `flags` as for open(2); O_NOFOLLOW and O_CLOEXEC are added. On failure
// the result is empty and errno says why: ELOOP or ENOTDIR when a component is a symbolic link.
UniqueFd open_beneath(int directory_fd, std::string_view relative, int flags);

// `absolute`, of which the first `root_bytes` name a directory that the configuration names (links in it are followed).
// 0: only the last component is guarded.
UniqueFd open_in_root(std::string const& absolute, std::size_t root_bytes, int flags);

}  // namespace b2b
