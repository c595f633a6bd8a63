#include "core/engine/rescue.h"

#include <array>
#include <cstdio>

#include "core/engine/objects.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

constexpr std::size_t candidate_limit = 32;

std::string rank_text(std::size_t rank) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%09zu", rank);
  return text.data();
}

bool concerns_this_snapshot_only(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::wrong_key || condition == Condition::transit ||
         condition == Condition::not_found || condition == Condition::unsupported;
}

}  // namespace

Result<std::unique_ptr<Rescue>> Rescue::build(EngineContext& context, BucketListing const& listing,
                                              std::string const& scratch_dir) {
  B2B_ASSIGN(Catalog objects, Catalog::create(scratch_file(scratch_dir, "rescue")));
  std::unique_ptr<Rescue> rescue(new Rescue(std::move(objects)));
  std::size_t rank = 0;
  for (auto at = listing.snapshots.rbegin(); at != listing.snapshots.rend(); ++at) {
    if (!at->has_manifest || at->info.layout != SnapshotLayout::plugin) continue;
    auto const added = rescue->add_snapshot(context, at->info.id, rank++, scratch_dir);
    if (added) continue;
    if (!concerns_this_snapshot_only(added.error().condition)) return added.error();
    rescue->unread_.push_back(at->info.id.text);
  }
  return rescue;
}

Result<void> Rescue::add_snapshot(EngineContext& context, SnapshotId const& id, std::size_t rank,
                                  std::string const& scratch_dir) {
  B2B_ASSIGN(TemporaryDirectory const own_scratch, TemporaryDirectory::create(scratch_dir, "snapshot-"));
  B2B_ASSIGN(LoadedSnapshot snapshot, load_snapshot(context, id, own_scratch.path(), SnapshotLayout::plugin));
  B2B_ASSIGN(FolderListing folder, list_folder(context, id, own_scratch.path()));
  std::string const prefix = layout::snapshot_prefix(context.config.prefix, id);
  return snapshot.catalog.for_each([&](CatalogEntry&& entry) -> Result<void> {
    if (entry.entry.type != EntryType::file) return {};
    B2B_ASSIGN(auto const object, folder.objects.find(entry.stored_name));
    if (!object || !plausible_stored_size(entry.entry.size, object->stored_size)) return {};
    CatalogEntry candidate;
    candidate.stored_name = prefix + entry.stored_name;
    candidate.stored_size = object->stored_size;
    candidate.entry.path = to_hex(entry.entry.hash) + "/" + rank_text(rank) + "/" + candidate.stored_name;
    candidate.entry.size = entry.entry.size;
    candidate.entry.hash = entry.entry.hash;
    return objects_.put(candidate);
  });
}

Result<std::vector<StoredObject>> Rescue::candidates(Sha256Digest const& hash, std::uint64_t size) {
  std::scoped_lock lock(mutex_);
  std::string const beginning = to_hex(hash) + "/";
  B2B_ASSIGN(auto const found, objects_.batch_after(beginning, candidate_limit, false));
  std::vector<StoredObject> candidates;
  for (CatalogEntry const& entry : found)
    if (entry.entry.path.starts_with(beginning) && entry.entry.size == size)
      candidates.push_back({entry.stored_name, entry.stored_size});
  return candidates;
}

}  // namespace b2b
