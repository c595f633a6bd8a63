// Writes a snapshot in the packed layout: what is not in the repository yet goes into packs, and the list of files follows. An interrupted
// push is resumed by itself: chunks that are in the store are not stored again, whatever snapshot they were for.
#pragma once

#include <memory>
#include <string>

#include "core/engine/snapshot_writer.h"
#include "core/packed/repository.h"

namespace b2b {

class PackedWriter final : public SnapshotWriter {
 public:
  // `spool_dir`: packs wait there; one writer at a time. Memory: see ChunkWriter; on top of that about 1.5 MB for each of a few threads.
  static Result<std::unique_ptr<PackedWriter>> create(std::shared_ptr<packed::Repository> repository, std::string const& spool_dir, SnapshotId id,
                                                      Progress* progress, BodyStored stored, std::stop_token stop);
  ~PackedWriter() override;

  void upload(CapturedFile file) override;
  void copy(Entry entry, SnapshotId const& from, CatalogEntry const& held) override;
  bool copy_pays(CatalogEntry const&) const override { return true; }
  bool failed() const override;
  Result<void> finish_bodies() override;
  std::uint64_t bytes_uploaded() const override;   // of all objects
  Result<SnapshotInfo> commit(SnapshotInfo info, Catalog& catalog, std::string const& scratch_path) override;

 private:
  struct Impl;
  explicit PackedWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
