// Bodies of the plugin's layout: from the snapshot's own folder, or, for snapshots that the plugin wrote incrementally, from whichever other
// snapshot holds an object of that hash ("rescue"). Fetches again once when it does not verify.
#pragma once

#include "core/engine/fetch.h"

namespace b2b {

class PluginFetcher final : public BodyFetcher {
 public:
  PluginFetcher(EngineContext& context, SnapshotInfo const& info, Signature signature, std::string scratch_dir, bool by_name);
  ~PluginFetcher() override;

  Result<void> expect(CatalogEntry const&) override { return {}; }   // each is an object of its own
  Result<void> fetch(CatalogEntry const& entry, std::string const& destination) override;
  std::string diagnose() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
