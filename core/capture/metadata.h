// From what the operating system says about a file to what an Entry and a StatKey hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "core/capture/entry.h"

struct stat;

namespace b2b {

// Mode, owners and modification time. Leaves the rest alone.
void set_metadata(Entry& entry, struct stat const& status);

// The key without its "-wal" part.
StatKey stat_key(struct stat const& status);

// What the attributes of one file may take in a manifest, where values stand in base64: about 700 KB of values.
inline constexpr std::size_t xattr_budget_bytes = 944 << 10;

struct Xattrs {
  std::map<std::string, std::string> kept;
  std::string left_out;  // for the person: which ones are over the budget; empty: none
};

// Extended attributes worth keeping: "user.*", and as root "security.capability" and POSIX ACLs. Empty where the file
// system has none or refuses to show them. In the order of their names, as long as there is room for them; values over the
// budget are not even read. `path` may be "/proc/self/fd/N/name"; a symbolic link is not followed.
Xattrs read_xattrs(std::string const& path);
Xattrs read_xattrs(int fd);

}  // namespace b2b
