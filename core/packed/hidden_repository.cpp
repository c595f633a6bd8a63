#include "core/packed/hidden_repository.h"

#include <algorithm>

#include "core/packed/format.h"
#include "core/packed/key_store.h"

namespace b2b::packed {
namespace {

// A store that lists no versions hides nothing either; what a key may not see is not known.
bool cannot_tell(Error const& error) { return error.condition == Condition::unsupported || error.condition == Condition::permission; }

}  // namespace

Result<void> refuse_hidden_repository(Store& store, std::string_view prefix, std::stop_token const& stop) {
  auto const hidden = hidden_since(store, config_key(prefix), stop);
  if (!hidden && cannot_tell(hidden.error())) return {};
  if (!hidden) return hidden.error();
  if (!*hidden) return {};
  HiddenQuestion question;
  question.prefixes = {repository_prefix(prefix)};
  question.written_once = true;
  B2B_ASSIGN(HiddenObjects const found, find_hidden(store, question, stop));
  std::string const at = format_iso8601(found.before());
  return make_error(
      Condition::refused,
      repository_name(store, prefix) + " was hidden on " + format_iso8601(found.first) + ": " + std::to_string(found.count) +
          " objects were deleted there without naming their versions. They are all there still, and no new repository is begun over them",
      "If that was not you, somebody has the application key: make a new one. What there was: daemonctl snapshots --at " + at +
          "; to restore it: daemonctl restore latest --at " + at + ". To push again, remove the hide markers, or set another prefix",
      config_key(prefix));
}

Result<HiddenSnapshots> find_hidden_snapshots(Store& store, std::string_view prefix, std::stop_token const& stop) {
  std::string const folder = snapshots_prefix(prefix);
  HiddenSnapshots found;
  std::vector<SnapshotId> ids;
  HiddenQuestion question;
  question.written_once = true;
  question.counts = [&](std::string const& key) {
    auto id = key.starts_with(folder) ? parse_snapshot_id(std::string_view(key).substr(folder.size())) : std::nullopt;
    if (id) ids.push_back(*id);
    return id.has_value();
  };
  // All of it only when there is something: a thief who went through it came by the packs before the snapshots.
  for (std::string const& place : {folder, repository_prefix(prefix)}) {
    ids.clear();
    question.prefixes = {place};
    auto const objects = find_hidden(store, question, stop);
    if (!objects && cannot_tell(objects.error())) break;
    if (!objects) return objects.error();
    std::sort(ids.begin(), ids.end(), id_before);
    found = {ids, *objects};
    if (found.objects.count == 0) break;
  }
  return found;
}

std::string hidden_snapshots_text(Store const& store, HiddenObjects const& objects, std::string const& newest) {
  std::string const at = format_iso8601(objects.before());
  std::string text = std::to_string(objects.count) + (objects.count == 1 ? " snapshot was" : " snapshots were") + " hidden in " + store.traits().name;
  if (!newest.empty()) text += ", the newest of them " + newest;
  text += objects.in_bout < objects.count ? "; " + std::to_string(objects.in_bout) + " of them on " : std::string(", on ");
  return text + format_iso8601(objects.first) + " (by deletes that do not name a version): what was hidden is there still. List it with: daemonctl snapshots --at " +
         at + "; restore it with: daemonctl restore latest --at " + at + ". If nobody of yours did that, make a new application key";
}

Result<void> refuse_hidden_snapshots(Store& store, std::string_view prefix, std::stop_token const& stop) {
  B2B_ASSIGN(HiddenSnapshots const hidden, find_hidden_snapshots(store, prefix, stop));
  if (hidden.objects.count == 0) return {};
  return make_error(Condition::refused,
                    "nothing is collected, since it would take what hidden snapshots need: " +
                        hidden_snapshots_text(store, hidden.objects, hidden.ids.back().text),
                    std::string(hidden_way_out), snapshots_prefix(prefix));
}

}  // namespace b2b::packed
