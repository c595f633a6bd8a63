// A directory tree that is written to without ever leaving it: every path is relative to a descriptor of its
// root and is resolved without following symbolic links (openat2 RESOLVE_BENEATH where the kernel has it,
// else component by component with O_NOFOLLOW), so that a link planted between a check and its use cannot
// lead a write elsewhere.
//
// Thread-safe (no state but the root's descriptor). Paths are clean and relative (core/snapshot:
// path_problem()), "" is the root itself. Errors: refused (a directory on the way is a symbolic link), else
// by errno.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

enum class NodeType : std::uint8_t { file, directory, symlink, other };

struct NodeStatus {
  NodeType type = NodeType::file;
  std::uint32_t mode = 0;  // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t links = 1;
  std::uint64_t mount =
      0;  // equal for what rename(2) can move between: the mount's id, or the device where there is none
};

// What a restore sets on a file, directory or symbolic link. Absent parts stay as they are.
struct NodeMetadata {
  std::optional<std::uint32_t> mode;
  std::optional<std::int64_t> mtime_ns;
  std::optional<std::uint32_t> uid;  // both or none; only root may set them
  std::optional<std::uint32_t> gid;
  friend bool operator==(NodeMetadata const&, NodeMetadata const&) = default;
};

class TargetTree {
 public:
  // `path` must be an existing directory; symbolic links in it are followed (it is what the person named).
  static Result<TargetTree> open(std::string const& path);

  std::string const& path() const { return path_; }
  std::string absolute(std::string_view path) const;  // for messages, and for readers that need a path

  // lstat; nullopt when nothing is there, or when its directory is not there or is none.
  Result<std::optional<NodeStatus>> status(std::string_view path) const;
  Result<std::string> link_target(std::string_view path) const;
  Result<UniqueFd> open_file(std::string_view path) const;       // an existing regular file, for reading
  Result<UniqueFd> open_new_file(std::string_view path) const;   // 0600; must not exist
  Result<UniqueFd> open_directory(std::string_view path) const;  // for listing and syncing
  Result<std::vector<std::string>> list(std::string_view path) const;  // names, sorted; for small directories

  // A path that leads to `path` through a descriptor of its directory, where the system has that (Linux:
  // /proc/self/fd), for functions that take paths. Valid as long as the anchor lives.
  struct Anchor {
    UniqueFd directory;
    std::string path;
  };
  Result<Anchor> anchor(std::string_view path) const;

  Result<bool> make_directory(std::string_view path,
                              unsigned mode) const;  // false: a directory is there already
  Result<void> make_directories(std::string_view path, unsigned mode) const;
  Result<void> make_symlink(std::string const& points_to, std::string_view path) const;
  Result<void> make_hard_link(std::string_view existing, std::string_view path) const;
  Result<void> rename(std::string_view from, std::string_view to) const;  // replaces a non-directory at `to`
  // Only where nothing is. False: nothing was done, because of what is at one of them or because the system cannot.
  Result<bool> rename_to_free_name(std::string_view from, std::string_view to) const;
  Result<void> remove_file(std::string_view path) const;                  // nothing there is fine
  Result<void> remove_directory(std::string_view path) const;             // empty; nothing there is fine
  Result<void> remove_tree(std::string_view path) const;                  // nothing there is fine

  // Owner first, then mode (a new owner clears set-id bits), time last.
  Result<void> set_metadata(std::string_view path, NodeMetadata const& metadata) const;
  // Of a regular file that is open.
  Result<void> set_metadata(int fd, NodeMetadata const& metadata, std::string_view path_for_error) const;
  Result<std::map<std::string, std::string>> attributes(
      std::string_view path) const;  // "user.*" and what root restores
  Result<void> set_attributes(std::string_view path,
                              std::map<std::string, std::string> const& attributes) const;

  Result<void> sync_directory(std::string_view path) const;
  Result<void> sync_file_system(std::string_view path) const;  // all of the mount that holds `path`
  // Free bytes, and the longest name the file system takes.
  struct FileSystem {
    std::uint64_t free_bytes = 0;
    std::uint64_t name_max = 255;
    std::uint64_t device = 0;
  };
  Result<FileSystem> file_system(std::string_view path) const;

 private:
  TargetTree(UniqueFd root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}

  struct Place {
    UniqueFd owned;  // empty when the directory is the root
    int directory = -1;
    std::string name;  // in that directory
  };
  Result<Place> place_of(std::string_view path) const;
  Result<UniqueFd> walk(std::string_view directory, int flags) const;

  UniqueFd root_;
  std::string path_;
};

// The status of an open file or directory.
Result<NodeStatus> status_of(int fd, std::string_view path_for_error);

}  // namespace b2b
