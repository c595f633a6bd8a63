#include "core/engine/hidden_snapshots.h"

#include "core/engine/objects.h"
#include "core/packed/format.h"
#include "core/snapshot/id.h"
#include "core/store/hidden.h"

namespace b2b {
namespace {

constexpr std::string_view manifest_end = "/manifest.json";

// The id of the snapshot that this object makes one; nullopt: it is another object.
std::optional<SnapshotId> snapshot_of(EngineContext const& context, std::string_view key) {
  std::string const packed = packed::snapshots_prefix(context.config.prefix);
  if (key.starts_with(packed)) return parse_snapshot_id(key.substr(packed.size()));
  std::string const plugin = keys_prefix(context);
  if (!key.starts_with(plugin) || !key.ends_with(manifest_end)) return std::nullopt;
  key.remove_prefix(plugin.size());
  return parse_snapshot_id(key.substr(0, key.size() - manifest_end.size()));
}

}  // namespace

Result<std::string> hidden_snapshots(EngineContext& context) {
  std::uint64_t snapshots = 0;
  std::string newest;
  HiddenQuestion question;
  question.prefixes = {keys_prefix(context), packed::repository_prefix(context.config.prefix)};
  question.written_once = true;
  question.visit = [&](std::string const& key) {
    auto const id = snapshot_of(context, key);
    if (!id) return;
    ++snapshots;
    if (id->kind == SnapshotKind::regular) newest = std::max(newest, id->text);
  };
  auto const found = find_hidden(*context.store, question, context.stop);
  bool const cannot_tell = !found && (found.error().condition == Condition::permission || found.error().condition == Condition::unsupported);
  if (cannot_tell) return std::string();
  if (!found) return found.error();
  if (snapshots == 0) return std::string();
  std::string const at = format_iso8601(found->before());
  return std::to_string(snapshots) + (snapshots == 1 ? " snapshot was" : " snapshots were") + " hidden in " + context.store->traits().name +
         (newest.empty() ? std::string() : ", the newest of them " + newest) + ", on " + format_iso8601(found->first) +
         " (by deletes that do not name a version): what was hidden is there still. List it with: daemonctl snapshots --at " + at +
         "; restore it with: daemonctl restore latest --at " + at + ". If nobody of yours did that, make a new application key";
}

}  // namespace b2b
