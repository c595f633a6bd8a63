#include "core/engine/packed_prune.h"

#include <charconv>

#include "core/engine/bucket.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"

namespace b2b {
namespace {

constexpr std::int64_t day_ns = 86'400'000'000'000;

std::string collected_key(EngineContext const& context) { return "collected:" + target_name(context); }

}  // namespace

Result<std::uint64_t> remove_packed_snapshot(EngineContext& context, SnapshotId const& id) {
  std::string const key = snapshot_object_key(context, id, SnapshotLayout::packed);
  B2B_ASSIGN(auto const before, find_object(context, key));
  // First, too: what is remembered and not there counts as somebody else's doing.
  B2B_TRY(context.index->forget_snapshot(target_name(context), id.text));
  B2B_TRY(remove_all(*context.store, key, context.stop));
  B2B_TRY(context.index->forget_snapshot(target_name(context), id.text));
  return std::uint64_t{before ? 1U : 0U};
}

Result<packed::CollectReport> collect_repository(EngineContext& context, TimePoint now) {
  context.progress->phase = "looking for space to free";
  B2B_ASSIGN(auto const repository, context.packed->open_to_write(context));
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  auto report = packed::collect(repository, scratch.path(), context.stop);
  // What does not go today does not go at the next push either, and each attempt reads all lists.
  bool const tried = report || report.error().condition == Condition::refused || report.error().condition == Condition::permission;
  if (tried) B2B_TRY(context.index->set_value(collected_key(context), std::to_string(now.time_since_epoch().count())));
  return report;
}

Result<bool> collection_is_due(EngineContext& context, TimePoint now) {
  B2B_ASSIGN(auto const last, context.index->value(collected_key(context)));
  std::int64_t then = 0;
  if (last) std::from_chars(last->data(), last->data() + last->size(), then);
  std::int64_t const since = now.time_since_epoch().count() - then;
  return !last || since >= day_ns || since < 0;
}

Result<void> collect_soon(EngineContext& context) { return context.index->clear_value(collected_key(context)); }

}  // namespace b2b
