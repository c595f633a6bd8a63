#include "core/engine/gone_snapshots.h"

#include <algorithm>
#include <set>

#include "core/engine/bucket.h"
#include "core/engine/prune_right.h"

namespace b2b {

Result<std::vector<GoneSnapshot>> gone_snapshots(EngineContext& context, std::vector<SnapshotId> const& there) {
  std::set<std::string> ids;
  for (SnapshotId const& id : there) ids.insert(id.text);
  // After the listing: what was pruned meanwhile is forgotten by now.
  B2B_ASSIGN(auto const remembered, context.index->remembered_snapshots(target_name(context)));
  std::vector<SnapshotInfo> packed;
  for (auto const& one : remembered)
    if (one.info.layout == SnapshotLayout::packed) packed.push_back(one.info);
  std::sort(packed.begin(), packed.end(), [](SnapshotInfo const& a, SnapshotInfo const& b) { return id_before(a.id, b.id); });
  bool const alone = other_instances(context, packed).empty();
  std::vector<GoneSnapshot> gone;
  for (std::size_t i = 0; i < packed.size(); ++i)
    if (!ids.contains(packed[i].id.text)) gone.push_back({packed[i].id, i + 1 == packed.size(), alone});
  return gone;
}

}  // namespace b2b
