#include "core/engine/gone_manifests.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "core/engine/prune_right.h"
#include "core/engine/remove_snapshot.h"

namespace b2b {

namespace {

constexpr std::size_t kept_at_most = 1000;

std::string kept_under(EngineContext const& context) { return "gone-manifests " + target_name(context); }

}  // namespace

Result<GoneManifests> GoneManifests::remember(EngineContext& context) {
  GoneManifests out;
  B2B_ASSIGN(auto const kept, context.index->value(kept_under(context)));
  std::istringstream lines(kept.value_or(""));
  for (std::string line; std::getline(lines, line);)
    if (auto id = parse_snapshot_id(line)) out.told_.push_back(std::move(*id));
  B2B_ASSIGN(auto const all, context.index->remembered_snapshots(target_name(context)));
  for (auto const& one : all)
    if (one.info.layout == SnapshotLayout::plugin && one.info.complete) out.remembered_.push_back(one);
  std::sort(out.remembered_.begin(), out.remembered_.end(),
            [](Index::Remembered const& a, Index::Remembered const& b) { return id_before(a.info.id, b.info.id); });
  return out;
}

Result<std::vector<GoneManifests::Gone>> GoneManifests::missing_from(EngineContext& context, BucketListing const& listing) const {
  std::map<std::string, bool> has_manifest;
  std::vector<SnapshotInfo> known;
  for (ListedSnapshot const& listed : listing.snapshots) {
    if (listed.info.layout != SnapshotLayout::plugin) continue;
    has_manifest.emplace(listed.info.id.text, listed.has_manifest);
    if (listed.has_manifest && listed.problem.empty()) known.push_back(listed.info);
  }
  B2B_ASSIGN(auto const half_removed, unfinished_removals(context));
  std::set<std::string> ours_to_remove;
  for (SnapshotId const& id : half_removed) ours_to_remove.insert(id.text);
  for (Index::Remembered const& one : remembered_) known.push_back(one.info);
  std::optional<SnapshotId> newest;
  for (SnapshotInfo const& info : known)
    if (info.complete && info.id.kind == SnapshotKind::regular && (!newest || id_before(*newest, info.id))) newest = info.id;
  bool const plugin_too = std::any_of(known.begin(), known.end(), [](SnapshotInfo const& info) { return !info.ours; });
  bool const alone = !plugin_too && other_instances(context, known).empty();
  std::vector<Gone> gone;
  for (SnapshotId const& id : told_) {
    auto const found = has_manifest.find(id.text);
    if (found == has_manifest.end() || !found->second) gone.push_back({id, found != has_manifest.end()});
  }
  std::size_t const told = gone.size();
  for (Index::Remembered const& one : remembered_) {
    std::string const& id = one.info.id.text;
    auto const found = has_manifest.find(id);
    if ((found != has_manifest.end() && found->second) || ours_to_remove.contains(id)) continue;
    if (std::any_of(gone.begin(), gone.begin() + static_cast<std::ptrdiff_t>(told), [&](Gone const& other) { return other.id.text == id; })) continue;
    bool const has_bodies = found != has_manifest.end();
    if (!has_bodies) {
      // A prune of ours, meanwhile: it forgets what it removed.
      B2B_ASSIGN(auto const still, context.index->remembered_snapshot(target_name(context), one.info.id));
      if (!still) continue;
    }
    if (has_bodies || alone || (newest && id == newest->text)) gone.push_back({one.info.id, has_bodies});
  }
  return gone;
}

Result<void> GoneManifests::settle(EngineContext& context, std::vector<Gone> const& gone, bool keep) const {
  std::string text;
  for (std::size_t i = 0; keep && i < std::min(gone.size(), kept_at_most); ++i) text += gone[i].id.text + "\n";
  // Written down before it is forgotten.
  if (!text.empty()) B2B_TRY(context.index->set_value(kept_under(context), text));
  for (Gone const& one : gone) B2B_TRY(context.index->forget_snapshot(target_name(context), one.id.text));
  if (text.empty() && !told_.empty()) B2B_TRY(context.index->clear_value(kept_under(context)));
  return {};
}

}  // namespace b2b
