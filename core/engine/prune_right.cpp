#include "core/engine/prune_right.h"

#include <map>

#include "core/util/encoding.h"

namespace b2b {
namespace {

std::string record_of(EngineContext const& context, OtherInstance const& other) {
  return "prune-taken-over:" + target_name(context) + ":" + other.id;
}

}  // namespace

std::vector<OtherInstance> other_instances(EngineContext const& context, std::vector<SnapshotInfo> const& snapshots) {
  std::map<std::string, OtherInstance> found;
  for (SnapshotInfo const& info : snapshots) {
    if (!info.ours || info.instance.empty() || info.instance == context.instance.id) continue;
    std::string const host = info.host.empty() ? "an unnamed host" : info.host;
    found.try_emplace(info.instance, OtherInstance{info.instance, printable(host + " (" + info.state_dir + ")")});
  }
  std::vector<OtherInstance> out;
  for (auto& [id, other] : found) out.push_back(std::move(other));
  return out;
}

Result<std::vector<OtherInstance>> unyielding_instances(EngineContext& context, std::vector<SnapshotInfo> const& snapshots) {
  std::vector<OtherInstance> out;
  for (OtherInstance& other : other_instances(context, snapshots)) {
    B2B_ASSIGN(auto const taken, context.index->value(record_of(context, other)));
    if (!taken) out.push_back(std::move(other));
  }
  return out;
}

Result<void> take_over_pruning(EngineContext& context, std::vector<OtherInstance> const& from) {
  std::string const now = format_iso8601(context.clock->now());
  for (OtherInstance const& other : from) B2B_TRY(context.index->set_value(record_of(context, other), now));
  return {};
}

}  // namespace b2b
