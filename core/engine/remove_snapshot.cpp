#include "core/engine/remove_snapshot.h"

#include "core/engine/bucket.h"
#include "core/engine/objects.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 1000;  // what S3 deletes with one request

std::string records_prefix(EngineContext const& context) { return "deleting:" + target_name(context) + ":"; }

std::string same_version(ObjectVersion const& version) { return version.key + '\0' + version.version_id; }

// Every version below the folder, a batch at a time: each listing begins anew with what is left.
Result<std::uint64_t> remove_folder(EngineContext& context, SnapshotId const& id) {
  std::string const folder = layout::snapshot_prefix(context.config.prefix, id);
  std::uint64_t removed = 0;
  std::string first_of_last_round;
  while (true) {
    std::vector<ObjectVersion> batch;
    auto const take = [&](ObjectVersion const& version) {
      if (belongs_to(id, std::string_view(version.key).substr(folder.size()))) batch.push_back(version);
      return batch.size() < batch_size;
    };
    B2B_TRY(context.store->list_versions(folder, take, context.stop));
    if (batch.empty()) return removed;
    if (same_version(batch.front()) == first_of_last_round)
      return make_error(Condition::permission,
                        batch.front().key + " is still listed after it was deleted from " + context.store->traits().name,
                        "Object Lock may protect it; it can be deleted when that ends", batch.front().key);
    first_of_last_round = same_version(batch.front());
    B2B_TRY(context.store->remove_versions(batch, context.stop));
    removed += batch.size();
  }
}

}  // namespace

Result<std::uint64_t> remove_snapshot(EngineContext& context, SnapshotId const& id) {
  std::string const record = records_prefix(context) + id.text;
  std::string const manifest = layout::manifest_key(context.config.prefix, id);
  B2B_TRY(context.index->set_value(record, "1"));
  B2B_TRY(context.index->forget_snapshot(target_name(context), id.text));
  B2B_ASSIGN(auto const before, find_object(context, manifest));
  auto const manifest_removed = remove_all(*context.store, manifest, context.stop);
  if (!manifest_removed) {
    B2B_ASSIGN(auto const left, find_object(context, manifest));
    if (before && left) B2B_TRY(context.index->clear_value(record));
    return manifest_removed.error();
  }
  B2B_TRY(context.store->flush(context.stop));
  B2B_ASSIGN(std::uint64_t const removed, remove_folder(context, id));
  B2B_TRY(context.index->clear_value(record));
  return removed + (before ? 1 : 0);
}

Result<std::vector<SnapshotId>> unfinished_removals(EngineContext& context) {
  std::string const prefix = records_prefix(context);
  B2B_ASSIGN(auto const records, context.index->values_with_prefix(prefix));
  std::vector<SnapshotId> ids;
  for (auto const& [key, value] : records)
    if (auto id = parse_snapshot_id(std::string_view(key).substr(prefix.size()))) ids.push_back(std::move(*id));
  return ids;
}

Result<void> forget_removal(EngineContext& context, SnapshotId const& id) {
  return context.index->clear_value(records_prefix(context) + id.text);
}

}  // namespace b2b
