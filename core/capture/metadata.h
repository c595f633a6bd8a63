// From what the operating system says about a file to what an Entry and a StatKey hold.
#pragma once

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

// Extended attributes worth keeping: "user.*", and as root "security.capability" and POSIX ACLs. Empty where the file
// system has none or refuses to show them. `path` may be "/proc/self/fd/N/name"; a symbolic link is not followed.
std::map<std::string, std::string> read_xattrs(std::string const& path);
std::map<std::string, std::string> read_xattrs(int fd);

}  // namespace b2b
