#include "core/engine/heal.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "core/crypto/b2en.h"
#include "core/engine/objects.h"
#include "core/engine/rescue.h"
#include "core/snapshot/layout.h"
#include "core/util/worker_pool.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;
constexpr std::size_t warnings_named = 10;

std::string lacking_key(EngineContext const& context, SnapshotId const& id) {
  return "lacking:" + target_name(context) + ":" + id.text;
}

bool concerns_this_snapshot_only(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::wrong_key || condition == Condition::transit ||
         condition == Condition::not_found || condition == Condition::unsupported;
}

class Healer {
 public:
  Healer(EngineContext& context, BucketListing const& listing, std::string const& scratch_dir)
      : context_(context), listing_(listing), scratch_dir_(scratch_dir) {}

  Result<void> look_at(SnapshotId const& id) {
    B2B_ASSIGN(TemporaryDirectory const own_scratch, TemporaryDirectory::create(scratch_dir_, "kept-"));
    auto loaded = load_snapshot(context_, id, own_scratch.path(), SnapshotLayout::plugin);
    if (!loaded) {
      if (!concerns_this_snapshot_only(loaded.error().condition)) return loaded.error();
      report_.warnings.push_back("snapshot " + id.text + " cannot be read, so what it lacks is not known: " +
                                 loaded.error().text());
      return {};
    }
    LoadedSnapshot snapshot = std::move(*loaded);
    B2B_ASSIGN(FolderListing folder, list_folder(context_, id, own_scratch.path()));
    std::uint64_t const missing_before = report_.missing;
    std::string after;
    for (bool first = true;; first = false) {
      B2B_ASSIGN(auto const entries, snapshot.catalog.batch_after(after, batch_size, first));
      if (entries.empty()) break;
      after = entries.back().entry.path;
      std::vector<CatalogEntry> needed;
      for (CatalogEntry const& entry : entries) {
        if (entry.entry.type != EntryType::file) continue;
        B2B_ASSIGN(auto const object, folder.objects.find(entry.stored_name));
        if (!object || !may_hold(snapshot.manifest.info, entry, object->stored_size)) needed.push_back(entry);
      }
      B2B_TRY(copy_all(snapshot.manifest.info, needed));
    }
    return mark_lacking(context_, id, report_.missing > missing_before);
  }

  HealReport take_report() {
    if (report_.missing > warnings_named)
      report_.warnings.push_back("and " + std::to_string(report_.missing - warnings_named) + " more missing bodies");
    if (rescue_) report_.unread = rescue_->unread();
    return std::move(report_);
  }

 private:
  // Bodies of ours are written in one mode; the plugin's sets may hold both.
  static bool may_hold(SnapshotInfo const& info, CatalogEntry const& entry, std::uint64_t stored_size) {
    if (!info.ours) return plausible_stored_size(entry.entry.size, stored_size);
    return stored_size == entry.entry.size + (info.encrypted ? b2en_header_size : 0);
  }

  Result<void> copy_all(SnapshotInfo const& info, std::vector<CatalogEntry> const& needed) {
    if (needed.empty()) return {};
    if (!rescue_) {
      B2B_ASSIGN(rescue_, Rescue::build(context_, listing_, scratch_dir_));
    }
    std::vector<Result<bool>> results(needed.size(), false);
    {
      std::size_t const threads = std::clamp<std::size_t>(context_.store->traits().transfers, 1, 32);
      WorkerPool pool(std::min(threads, needed.size()), needed.size());
      for (std::size_t i = 0; i < needed.size(); ++i)
        pool.submit([this, &info, &needed, &results, i] { results[i] = copy_one(info, needed[i]); });
      pool.wait();
    }
    for (std::size_t i = 0; i < needed.size(); ++i) {
      if (!results[i]) return results[i].error();
      if (*results[i]) {
        ++report_.copied;
      } else if (++report_.missing <= warnings_named) {
        report_.warnings.push_back("snapshot " + info.id.text + " lacks the body of " + printable(needed[i].entry.path) +
                                   ", and no other snapshot holds it");
      }
    }
    return {};
  }

  // False: nobody holds it.
  Result<bool> copy_one(SnapshotInfo const& info, CatalogEntry const& entry) {
    std::string const to = layout::snapshot_prefix(context_.config.prefix, info.id) + entry.stored_name;
    B2B_ASSIGN(auto const candidates, rescue_->candidates(entry.entry.hash, entry.entry.size));
    for (StoredObject const& candidate : candidates) {
      if (candidate.key == to || !may_hold(info, entry, candidate.stored_size)) continue;
      auto const copied = context_.store->copy(candidate.key, to, candidate.stored_size, context_.stop);
      if (!copied) {
        if (copied.error().condition == Condition::changed) continue;
        B2B_ASSIGN(bool const gone, means_missing(context_, copied.error(), candidate.key));
        if (gone) continue;
        return copied.error();
      }
      B2B_ASSIGN(auto const copy, find_object(context_, to));
      if (copy && copy->size == candidate.stored_size) return true;
    }
    return false;
  }

  EngineContext& context_;
  BucketListing const& listing_;
  std::string const& scratch_dir_;
  std::unique_ptr<Rescue> rescue_;
  HealReport report_;
};

}  // namespace

Result<HealReport> heal(EngineContext& context, BucketListing const& listing, std::vector<SnapshotId> const& kept) {
  std::set<std::string> names;
  for (SnapshotId const& id : kept) names.insert(id.text);
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  Healer healer(context, listing, scratch.path());
  for (ListedSnapshot const& listed : listing.snapshots) {
    if (!listed.has_manifest || listed.info.layout != SnapshotLayout::plugin || !names.contains(listed.info.id.text)) continue;
    bool look = !listed.info.ours;
    if (!look) {
      B2B_ASSIGN(look, is_marked_lacking(context, listed.info.id));
    }
    if (look) B2B_TRY(healer.look_at(listed.info.id));
  }
  B2B_TRY(context.store->flush(context.stop));
  return healer.take_report();
}

Result<void> mark_lacking(EngineContext& context, SnapshotId const& id, bool lacking) {
  B2B_ASSIGN(bool const marked, is_marked_lacking(context, id));
  if (marked == lacking) return {};
  if (lacking) return context.index->set_value(lacking_key(context, id), "1");
  return context.index->clear_value(lacking_key(context, id));
}

Result<bool> is_marked_lacking(EngineContext& context, SnapshotId const& id) {
  B2B_ASSIGN(auto const mark, context.index->value(lacking_key(context, id)));
  return mark.has_value();
}

}  // namespace b2b
