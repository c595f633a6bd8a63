// Writes a snapshot in the plugin's layout: bodies under the snapshot's folder, then the manifest. Used for regular snapshots (with a journal
// in the index, so that an interrupted push is resumed) and for safety captures in a local store (without).
#pragma once

#include <memory>
#include <string>

#include "core/engine/snapshot_writer.h"
#include "core/engine/writer_key.h"

namespace b2b {

struct PluginWriterOptions {
  Store* store = nullptr;
  std::string prefix;
  SnapshotId id;
  WriterKey key;
  Index* journal = nullptr;                 // null: not resumable
  Progress* progress = nullptr;
  std::uint64_t multipart_bytes = 100'000'000;  // bodies from here on have their IV in the journal before their upload begins
};

// Copies are requests that may be billed or capped, uploads are free: below this size an unchanged body is sent again.
inline std::uint64_t copy_worthwhile_bytes(Store const& store) { return store.traits().copy_is_free ? 0 : 128 << 10; }

class PluginWriter final : public SnapshotWriter {
 public:
  PluginWriter(PluginWriterOptions options, BodyStored stored, std::stop_token stop);
  ~PluginWriter() override;

  void upload(CapturedFile file) override;
  void copy(Entry entry, SnapshotId const& from, CatalogEntry const& held) override;
  bool copy_pays(CatalogEntry const& held) const override;
  bool failed() const override;
  Result<void> finish_bodies() override;
  std::uint64_t bytes_uploaded() const override;     // stored size of the bodies sent
  Result<SnapshotInfo> commit(SnapshotInfo info, Catalog& catalog, std::string const& scratch_path) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
