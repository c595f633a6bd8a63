// Where the staging folders of restores are: one small file for each in `restores/` of the instance's data directory, so that what a
// crash left is found in whatever place. It stays until its place was seen again: the disk may not be mounted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/error.h"

namespace b2b {

struct RestorePointer {
  // Of a part whose restore is decided while its place cannot be reached (swap_group.h).
  enum class Decision { none, forward, back };

  std::string id;        // the folder's, and the file's name
  std::string root;      // absolute
  std::string staging;   // relative to it
  std::string mount;     // the mount point that `root` lies on; empty: not known
  std::string group;     // id of the folder whose journal counts for this one, too; its own for that one; empty: it is alone
  Decision decision = Decision::none;

  friend bool operator==(RestorePointer const&, RestorePointer const&) = default;
};

// Pure. nullopt: no such file. Earlier versions wrote the first two lines only.
std::string format_restore_pointer(RestorePointer const& pointer);
std::optional<RestorePointer> parse_restore_pointer(std::string id, std::string_view text);

std::string restore_pointers_folder(std::string const& data_dir);
std::string restore_pointer_path(std::string const& data_dir, std::string const& id);
Result<void> keep_restore_pointer(std::string const& data_dir, RestorePointer const& pointer);
Result<void> remove_restore_pointer(std::string const& data_dir, std::string const& id);

struct RestorePointers {
  std::vector<RestorePointer> known;
  std::vector<std::string> unreadable;  // ids
};
Result<RestorePointers> list_restore_pointers(std::string const& data_dir);

// The mount point of the file system that a path is on, or would be: of what is there of it.
std::string mount_point_of(std::string const& path);
// What it points to was on another file system than what is at that path now: its disk is not mounted.
bool is_unmounted(RestorePointer const& pointer);

// For the status: one sentence for each place that a restore could not be finished in, since it is not there now.
std::vector<std::string> places_waited_for(std::string const& data_dir);

}  // namespace b2b
