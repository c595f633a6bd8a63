#include "core/engine/forget_waiting.h"

#include <algorithm>
#include <filesystem>

#include "core/engine/bucket.h"
#include "core/engine/objects.h"
#include "core/engine/push_plan.h"
#include "core/engine/queue.h"
#include "core/engine/waiting_safeties.h"
#include "core/util/file.h"

namespace b2b {
namespace {

Result<bool> any_covered(Catalog& catalog, CoversPath const& covers) {
  bool any = false;
  B2B_TRY(catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
    any = any || covers(row.entry.path, row.entry.type == EntryType::directory);
    return {};
  }));
  return any;
}

// A copy is looked into, since the next capture may be reading it.
Result<bool> holds(QueuedCapture const& capture, CoversPath const& covers, std::string const& scratch_dir) {
  if (std::any_of(capture.skipped.begin(), capture.skipped.end(), [&](Skip const& skip) { return covers(skip.path, false); })) return true;
  std::string const copy = scratch_file(scratch_dir, "waiting");
  std::error_code failed;
  std::filesystem::copy_file(join_path(capture.folder, "catalog.sqlite"), copy, failed);
  if (failed) return errno_error(failed.value(), "look into the waiting capture", capture.folder);
  B2B_ASSIGN(Catalog catalog, Catalog::open(copy));
  B2B_ASSIGN(bool const any, any_covered(catalog, covers));
  remove_scratch_file(copy);
  return any;
}

// What cannot be looked into may hold it.
Result<void> note(std::vector<std::string>& out, SnapshotId const& id, Result<bool> const& any) {
  if (!any && any.error().condition == Condition::cancelled) return any.error();
  if (!any || *any) out.push_back(id.text);
  return {};
}

}  // namespace

Result<std::vector<std::string>> waiting_with(EngineContext& context, CoversPath const& covers, std::string const& scratch_dir) {
  std::vector<std::string> out;
  B2B_ASSIGN(auto const queue, list_queue(context));
  for (QueuedCapture const& capture : queue)
    if (capture.target == target_name(context)) B2B_TRY(note(out, capture.id, holds(capture, covers, scratch_dir)));
  B2B_TRY(visit_waiting_safeties(context, [&](EngineContext& local, SnapshotId const& id) -> Result<void> {
    auto loaded = load_snapshot(local, id, scratch_dir, SnapshotLayout::plugin);
    return note(out, id, loaded ? any_covered(loaded->catalog, covers) : Result<bool>(loaded.error()));
  }));
  return out;
}

Result<void> forget_in_record(EngineContext& context, CoversPath const& covers) {
  std::vector<std::string> warnings;   // a record that cannot be used is none
  B2B_ASSIGN(auto record, open_record(context, context.index->base_catalog_path(), warnings));
  if (!record || record->layout != SnapshotLayout::packed) return {};
  Catalog& catalog = record->catalog;
  bool any = false;
  std::string after;
  for (bool from_start = true;; from_start = false) {
    B2B_ASSIGN(auto const batch, catalog.batch_after(after, 256, from_start));
    if (batch.empty()) break;
    after = batch.back().entry.path;
    for (CatalogEntry const& row : batch) {
      if (!covers(row.entry.path, row.entry.type == EntryType::directory)) continue;
      B2B_TRY(catalog.erase(row.entry.path));
      any = true;
    }
  }
  return any ? catalog.seal() : Result<void>();
}

}  // namespace b2b
