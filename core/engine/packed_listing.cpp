#include "core/engine/packed_listing.h"

#include "core/engine/choose_layout.h"
#include "core/engine/listing.h"
#include "core/engine/packed_repository.h"
#include "core/engine/snapshot_use.h"
#include "core/packed/reach.h"
#include "core/packed/snapshots.h"
#include "core/util/log.h"

namespace b2b {
namespace {

void mark_unreadable(ListedSnapshot& listed, Error const& error) {
  listed.info.complete = false;
  listed.problem = error.text();
}

// Errors are the store's; what is wrong with this snapshot goes into `listed`.
Result<void> ask_repository(EngineContext& context, packed::Repository const& repository, ListedSnapshot& listed) {
  SnapshotId const id = listed.info.id;
  // What a prune removes between the read and the remembering would be missed later, and called somebody else's doing.
  auto const use = SnapshotUse::begin(context.instance.data_dir, id);
  if (!use) {
    if (use.error().condition != Condition::busy) return use.error();
    mark_unreadable(listed, use.error());
    return {};
  }
  auto read = packed::read_snapshot(repository, id, context.stop);
  if (!read) {
    if (!concerns_one_object(read.error().condition)) return read.error();
    mark_unreadable(listed, read.error());
    return context.index->forget_snapshot(target_name(context), id.text);
  }
  listed.info = std::move(read->info);
  listed.signature = Signature::valid;
  remember_listed(context, listed);
  return {};
}

}  // namespace

Result<void> list_packed(EngineContext& context, bool recheck, BucketListing& listing) {
  auto const listed_ids = packed::list_snapshots(*context.store, context.config.prefix, context.stop);
  if (!listed_ids) {
    Error const error = packed::explain_reach(listed_ids.error(), context.config.prefix);
    B2B_ASSIGN(auto const known, known_layout(context));
    if (error.condition != Condition::permission || known == SnapshotLayout::packed) return error;
    // An application key for the plugin's layout alone: it works as it did before there was another one.
    log_info("packed snapshots, if there are any, are not listed: " + error.text());
    return {};
  }
  std::vector<SnapshotId> const& ids = *listed_ids;
  std::vector<std::size_t> to_ask;
  for (SnapshotId const& id : ids) {
    ListedSnapshot listed = only_an_id(id);
    listed.info.layout = SnapshotLayout::packed;
    B2B_ASSIGN(bool const known, recall_listed(context, recheck, listed));
    if (!known) to_ask.push_back(listing.snapshots.size());
    listing.snapshots.push_back(std::move(listed));
  }
  if (to_ask.empty()) return {};
  auto const repository = context.packed->open_without_index(context);
  if (!repository) {
    if (!concerns_one_object(repository.error().condition)) return repository.error();
    for (std::size_t const i : to_ask) mark_unreadable(listing.snapshots[i], repository.error());
    return {};
  }
  return for_each_parallel(context, to_ask.size(), [&](std::size_t i) { return ask_repository(context, **repository, listing.snapshots[to_ask[i]]); });
}

}  // namespace b2b
