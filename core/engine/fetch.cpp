#include "core/engine/fetch.h"

#include "core/engine/packed_fetcher.h"
#include "core/engine/plugin_fetcher.h"

namespace b2b {

bool ends_everything(Condition condition) {
  switch (condition) {
    case Condition::cancelled:
    case Condition::unreachable:
    case Condition::throttled:
    case Condition::clock_skew:
    case Condition::limit:
    case Condition::no_space:
    case Condition::refused:
      return true;
    default:
      return false;
  }
}

Result<std::unique_ptr<BodyFetcher>> make_fetcher(EngineContext& context, LoadedSnapshot const& snapshot, std::string const& scratch_dir,
                                                  bool by_name) {
  using Fetcher = std::unique_ptr<BodyFetcher>;
  if (snapshot.packed) {
    B2B_ASSIGN(auto fetcher, PackedFetcher::create(context, snapshot.packed, scratch_dir));
    return Fetcher(std::move(fetcher));
  }
  return Fetcher(std::make_unique<PluginFetcher>(context, snapshot.manifest.info, snapshot.manifest.signature, scratch_dir, by_name));
}

}  // namespace b2b
