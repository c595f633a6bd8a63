// Who reads a snapshot, and who removes it, never at once: one lock file for each snapshot, <data dir>/in-use/<id> (with + for /). Restores (in place
// or to a target) and verifications hold it shared, any number of them, in any process of this instance; a prune takes it alone, for each
// snapshot that it removes. flock(2), so it goes with its holder, however that ends. Files that nobody holds mean nothing, and the last
// holder removes its own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/snapshot/id.h"
#include "core/util/error.h"
#include "core/util/fd.h"

namespace b2b {

class SnapshotUse {
 public:
  // To be taken before the manifest is read. busy: a prune is removing the snapshot now.
  static Result<SnapshotUse> begin(std::string const& data_dir, SnapshotId const& id);
  // For bodies that may lie under any other snapshot (the plugin uploads only what changed): nothing at all is removed meanwhile. busy: a
  // prune is removing a snapshot now.
  static Result<SnapshotUse> begin_any(std::string const& data_dir);
  // nullopt: somebody reads it, so it stays.
  static Result<std::optional<SnapshotUse>> begin_removal(std::string const& data_dir, SnapshotId const& id);

  SnapshotUse(SnapshotUse&&) = default;
  SnapshotUse& operator=(SnapshotUse&&) = delete;
  ~SnapshotUse();

 private:
  SnapshotUse(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  static Result<std::optional<SnapshotUse>> take(std::string const& data_dir, std::string name, int how);
  UniqueFd fd_;
  std::string path_;
  std::unique_ptr<SnapshotUse> also_;  // a removal holds the file of begin_any(), too
};

}  // namespace b2b
