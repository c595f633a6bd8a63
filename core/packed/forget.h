// Takes paths out of snapshots: each is written once more, under its own name, without them (docs/format.md, "Forgetting"). The contents go
// with the collections that follow, which repack what holds them first (ChunkIndex::add_forgotten()).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "core/capture/entry.h"
#include "core/packed/chunk_writer.h"
#include "core/packed/repository.h"
#include "core/packed/snapshot_object.h"

namespace b2b::packed {

// What of one snapshot is to go.
struct PathsToForget {
  std::uint64_t entries = 0;  // files, directories and symbolic links
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;    // of those files
  std::uint64_t skipped = 0;  // names in the list of what could not be read when it was taken
  bool any() const { return entries > 0 || skipped > 0; }
  bool every_file = false;    // no file would be left: such a snapshot is left alone
};

// One job; one thread. First look() at the snapshots one by one, which writes nothing; then find_copies(); then replace(), under the upload lock. What a crash
// leaves are snapshots that are as before or as they will be, each whole; doing it again does the rest.
class Forgetting {
 public:
  using Covers = std::function<bool(std::string const& path, bool is_directory)>;
  using Visit = std::function<Result<void>(SnapshotId const&, Entry const&)>;

  // `scratch_dir` as for ChunkReader. Memory: 32 bytes for each 16 KB of a list that changes.
  Forgetting(std::shared_ptr<Repository> repository, Covers covers, std::string scratch_dir, std::stop_token stop);

  // `found` sees each entry that is to go. Errors: read_snapshot()'s, read_list()'s, those of `found`; the others can be looked at all the same.
  Result<PathsToForget> look(SnapshotId const& id, Visit const& found);

  // Files that stay in the snapshots that change, and have the content of one that goes: `found` sees each. Their content stays in the bucket.
  Result<void> find_copies(Visit const& found);

  // Writes the snapshots in which something is to go; `ended` hears how that went for each. not_found there: it was removed meanwhile. changed: see
  // put_snapshot(); it is as it was before. Then removes older versions of the objects that hold nothing of it any more, also what an earlier job that was
  // interrupted left; `kept` hears of each for which the key may not do that. Errors: the writer's, the store's; what was done until then stays.
  Result<void> replace(ChunkWriter& writer, std::function<void(SnapshotId const&, Result<void> const&)> const& ended,
                       std::function<void(SnapshotId const&, Error const&)> const& kept);

 private:
  struct Changing {
    SnapshotPayload snapshot;   // as it is, then as it will be
    Sha256Digest object{};      // as it was read
  };
  Result<void> write_list(Changing& changing, ChunkWriter& writer);
  Result<void> put(Changing const& changing, ChunkWriter& writer);
  Result<void> remove_older_versions(std::function<void(SnapshotId const&, Error const&)> const& kept);

  std::shared_ptr<Repository> repository_;
  Covers covers_;
  std::string scratch_dir_;
  std::stop_token stop_;
  std::vector<Changing> changing_;
  std::set<std::string> clean_;            // ids of which the newest version holds nothing of it
  std::set<Sha256Digest> hashes_;          // of the files that go, the first 10,000
};

}  // namespace b2b::packed
