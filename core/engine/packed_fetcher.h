// Bodies of the packed layout: put together from chunks.
#pragma once

#include "core/engine/fetch.h"
#include "core/engine/packed_list.h"

namespace b2b {

class PackedFetcher final : public BodyFetcher {
 public:
  // Whole packs that are wanted more than once lie in a folder of its own under `scratch_dir` (see ChunkReader).
  static Result<std::unique_ptr<PackedFetcher>> create(EngineContext& context, std::shared_ptr<PackedList> list, std::string const& scratch_dir);
  ~PackedFetcher() override;

  Result<void> expect(CatalogEntry const& entry) override;
  Result<void> fetch_together(std::span<WantedBody const> wanted, BodyDone const& done) override;
  Result<void> fetch(CatalogEntry const& entry, std::string const& destination) override;
  std::string diagnose() const override;

 private:
  struct Impl;
  explicit PackedFetcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
