#include "core/engine/prune.h"

#include <algorithm>

#include "core/engine/delete_refusal.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/heal.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/objects.h"
#include "core/engine/packed_prune.h"
#include "core/engine/pins.h"
#include "core/engine/prune_right.h"
#include "core/engine/remove_snapshot.h"
#include "core/engine/retention_policy.h"
#include "core/engine/snapshot_use.h"
#include "core/packed/hidden_repository.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

constexpr std::chrono::hours torn_age{7 * 24};
constexpr std::uint64_t unfinished_age_seconds = 7 * 24 * 3600;
constexpr std::string_view paused_key = "prune-paused";
constexpr int refusals_before_giving_up = 3;

bool is_readable(ListedSnapshot const& listed) { return listed.has_manifest && listed.problem.empty(); }

class Pruner {
 public:
  Pruner(EngineContext& context, PruneOptions const& options) : context_(context), options_(options) {}

  Result<PruneReport> run() {
    B2B_ASSIGN(now_, context_.store->now(context_.stop));
    B2B_ASSIGN(listing_, list_bucket(context_, false));
    B2B_TRY(decide());
    B2B_ASSIGN(bool const newest_is_there, newest_complete_is_there());
    if (!newest_is_there) {
      B2B_ASSIGN(listing_, list_bucket(context_, true));
      B2B_TRY(decide());
    }
    B2B_TRY(check_other_instances());
    B2B_ASSIGN(bool const paused, is_paused());
    if (paused) return std::move(report_);
    if (!why_nothing_goes_.empty()) {
      report_.warnings.push_back("nothing is pruned: " + why_nothing_goes_);
      return std::move(report_);
    }
    B2B_TRY(find_torn());
    B2B_TRY(decide_about_hidden());
    if (options_.dry_run) {
      for (Removal const& removal : to_remove_) report_.removed.push_back(removal.id.text);
      for (SnapshotId const& id : torn_) report_.torn_removed.push_back(id.text);
      return std::move(report_);
    }
    B2B_ASSIGN(bool const in_vain, deleting_is_in_vain());
    if (in_vain) return std::move(report_);
    if (!to_remove_.empty() || !torn_.empty()) B2B_TRY(heal_kept());
    B2B_TRY(spare_pinned_meanwhile());
    B2B_TRY(remove_all_of(to_remove_, report_.removed));
    B2B_TRY(remove_all_of(in_plugin_layout(half_removed_), report_.torn_removed));
    B2B_TRY(remove_all_of(in_plugin_layout(torn_), report_.torn_removed));
    B2B_TRY(remove_unfinished_uploads());
    B2B_TRY(remove_idle_pins(context_, pins_));
    B2B_TRY(collect_packs());
    B2B_TRY(tell_refusals());
    return std::move(report_);
  }

 private:
  struct Removal {
    SnapshotId id;
    SnapshotLayout layout = SnapshotLayout::plugin;
    bool given_up = false;   // it is hidden, so what it holds cannot be looked at
  };
  struct Hidden {
    SnapshotId id;
    std::string text;
  };
  static std::vector<Removal> in_plugin_layout(std::vector<SnapshotId> const& ids) {
    std::vector<Removal> removals;
    for (SnapshotId const& id : ids) removals.push_back({id, SnapshotLayout::plugin, false});
    return removals;
  }

  Result<void> decide() {
    report_.verdicts.clear();
    for (SnapshotLayout const layout : {SnapshotLayout::plugin, SnapshotLayout::packed}) judge(layout);
    B2B_TRY(spare_what_must_stay());
    for (RetentionVerdict& verdict : report_.verdicts) {
      if (verdict.keep) continue;
      B2B_ASSIGN(auto const nobody_reads, SnapshotUse::begin_removal(context_.instance.data_dir, verdict.id));
      if (!nobody_reads) spare(verdict);
    }
    to_remove_.clear();
    kept_.clear();
    for (RetentionVerdict const& verdict : report_.verdicts) {
      if (verdict.keep && verdict.layout == SnapshotLayout::plugin) kept_.push_back(verdict.id);
      if (!verdict.keep) to_remove_.push_back({verdict.id, verdict.layout, false});
    }
    // Oldest first, so that an interrupted prune leaves the newer ones.
    std::stable_sort(to_remove_.begin(), to_remove_.end(), [](Removal const& a, Removal const& b) { return id_before(a.id, b.id); });
    return {};
  }

  void judge(SnapshotLayout layout) {
    std::vector<RetentionItem> items;
    for (ListedSnapshot const& listed : listing_.snapshots) {
      if (!is_readable(listed) || listed.info.layout != layout) continue;
      bool const is_change = listed.info.ours && listed.info.trigger == Trigger::change;
      items.push_back({listed.info.id, listed.info.complete, is_change});
    }
    for (RetentionVerdict& verdict : apply_retention(items, retention_policy(context_.config, layout), now_)) {
      verdict.layout = layout;
      report_.verdicts.push_back(std::move(verdict));
    }
  }

  // Whatever retention says, in either layout: pinned snapshots, and everything while it is not certain what retention would say.
  Result<void> spare_what_must_stay() {
    why_nothing_goes_.clear();
    auto& verdicts = report_.verdicts;
    if (std::all_of(verdicts.begin(), verdicts.end(), [](RetentionVerdict const& verdict) { return verdict.keep; })) return {};
    if (context_.config.retention_uncertain) {
      why_nothing_goes_ = "how many snapshots to keep is not certain, because what openclaw.json says of it cannot be read (daemonctl config check)";
    } else if (auto pins = spare_pinned(context_, verdicts)) {
      pins_ = std::move(*pins);
    } else if (pins.error().condition == Condition::permission) {
      why_nothing_goes_ = pins.error().text();
    } else {
      return pins.error();
    }
    if (why_nothing_goes_.empty()) return {};
    for (RetentionVerdict& verdict : verdicts)
      if (!verdict.keep) spare(verdict, "nothing is pruned");
    return {};
  }

  // Healing may have taken its time, and another machine may have pinned something since.
  Result<void> spare_pinned_meanwhile() {
    if (to_remove_.empty()) return {};
    B2B_ASSIGN(auto const pins, spare_pinned(context_, report_.verdicts));
    std::erase_if(to_remove_, [&](Removal const& removal) { return is_pinned(pins, removal.id); });
    return {};
  }

  static void spare(RetentionVerdict& verdict, std::string reason = "is being restored or verified") {
    verdict.keep = true;
    verdict.reason = std::move(reason);
  }

  // Nothing is deleted on the strength of what we only remember: the snapshot that all else may be deleted for must exist.
  Result<bool> newest_complete_is_there() {
    for (SnapshotLayout const layout : {SnapshotLayout::plugin, SnapshotLayout::packed}) {
      B2B_ASSIGN(bool const there, newest_complete_is_there(layout));
      if (!there) return false;
    }
    return true;
  }

  Result<bool> newest_complete_is_there(SnapshotLayout layout) {
    for (auto at = listing_.snapshots.rbegin(); at != listing_.snapshots.rend(); ++at) {
      if (at->info.layout != layout || at->info.id.kind != SnapshotKind::regular || !is_readable(*at) || !at->info.complete) continue;
      if (at->info.id.time > now_ + std::chrono::hours(24)) continue;
      return snapshot_exists(context_, at->info.id, layout);
    }
    return true;  // there is none to protect
  }

  Result<void> check_other_instances() {
    std::vector<SnapshotInfo> infos;
    for (ListedSnapshot const& listed : listing_.snapshots) infos.push_back(listed.info);
    B2B_ASSIGN(auto const others, unyielding_instances(context_, infos));
    if (others.empty()) return {};
    if (options_.take_over) return options_.dry_run ? Result<void>() : take_over_pruning(context_, others);
    std::string names;
    for (OtherInstance const& other : others) names += (names.empty() ? "" : ", ") + other.name;
    std::string const what = target_name(context_) + " also holds snapshots of " + names;
    std::string const advice = "Give each machine a prefix of its own; when that one is gone for good, or this one is to prune for both: daemonctl prune --take-over";
    if (!options_.dry_run) return make_error(Condition::refused, what + ", so nothing is pruned", advice, context_.config.prefix);
    report_.warnings.push_back(what + ": pruning will be refused until it is taken over. " + advice);
    return {};
  }

  Result<bool> is_paused() {
    B2B_ASSIGN(auto const paused, context_.index->value(paused_key));
    if (!paused) return false;
    if (options_.confirmed) {
      if (!options_.dry_run) B2B_TRY(context_.index->clear_value(paused_key));
      return false;
    }
    report_.paused = true;
    report_.warnings.push_back("pruning is paused since snapshot " + *paused +
                               ", because more than half of the files had vanished then: look at what it lacks with daemonctl "
                               "diff, then restore an earlier one, or go on with daemonctl prune --yes");
    return true;
  }

  // Folders without a manifest: what a prune of ours left goes at once, other ones when nothing was added for 7 days.
  Result<void> find_torn() {
    B2B_ASSIGN(auto const pending, context_.index->pending_push());
    B2B_ASSIGN(half_removed_, unfinished_removals(context_));
    for (ListedSnapshot const& listed : listing_.snapshots) {
      SnapshotId const& id = listed.info.id;
      if (listed.info.layout != SnapshotLayout::plugin) continue;   // one object: it is there or it is not
      auto const record = std::find_if(half_removed_.begin(), half_removed_.end(),
                                       [&](SnapshotId const& other) { return other.text == id.text; });
      if (listed.has_manifest) {
        if (record == half_removed_.end()) continue;
        // The deletion had not begun; this time's verdict counts.
        if (!options_.dry_run) B2B_TRY(forget_removal(context_, id));
        half_removed_.erase(record);
        continue;
      }
      if (record != half_removed_.end() || (pending && pending->id == id.text)) continue;
      B2B_ASSIGN(std::string hidden, hidden_manifest(context_, id));
      if (!hidden.empty()) {
        hidden_.push_back({id, std::move(hidden)});
        continue;
      }
      B2B_ASSIGN(bool const old, is_old(id));
      if (old) torn_.push_back(id);
    }
    if (options_.dry_run)
      for (SnapshotId const& id : half_removed_) report_.torn_removed.push_back(id.text);
    return {};
  }

  // What only looks torn is told and stays; what a person gives up goes as what retention lets go, but for pinned ones.
  Result<void> decide_about_hidden() {
    if (options_.give_up_hidden) {
      std::vector<RetentionVerdict> verdicts;
      for (auto const& [id, text] : hidden_) verdicts.push_back({id, false, "was hidden, and is given up", SnapshotLayout::plugin});
      B2B_ASSIGN(auto const packed, packed::find_hidden_snapshots(*context_.store, context_.config.prefix, context_.stop));
      for (SnapshotId const& id : packed.ids) verdicts.push_back({id, false, "was hidden, and is given up", SnapshotLayout::packed});
      gives_up_packed_ = !packed.ids.empty();
      B2B_TRY(spare_pinned(context_, verdicts));
      for (RetentionVerdict& verdict : verdicts) {
        if (!verdict.keep) {
          to_remove_.push_back({verdict.id, verdict.layout, true});
          std::erase_if(hidden_, [&](Hidden const& hidden) { return verdict.layout == SnapshotLayout::plugin && hidden.id.text == verdict.id.text; });
        }
        report_.verdicts.push_back(std::move(verdict));
      }
    }
    std::vector<std::string> told;
    for (Hidden const& hidden : hidden_) told.push_back(hidden.text);
    report_.warnings.insert(report_.warnings.end(), told.begin(), told.end());
    return options_.dry_run ? Result<void>() : remember_hidden_manifests(context_, told);
  }

  Result<bool> is_old(SnapshotId const& id) {
    TimePoint newest{};
    std::string const folder = layout::snapshot_prefix(context_.config.prefix, id);
    ListOptions options;
    options.prefix = folder;
    auto const look = [&](ListEntry const& entry) {
      if (belongs_to(id, std::string_view(entry.object.key).substr(folder.size())))
        newest = std::max(newest, entry.object.modified);
      return true;
    };
    B2B_TRY(context_.store->list(options, look, context_.stop));
    return newest != TimePoint{} && newest + torn_age < now_;
  }

  Result<void> heal_kept() {
    B2B_ASSIGN(HealReport healed, heal(context_, listing_, kept_));
    report_.healed = healed.copied;
    std::move(healed.warnings.begin(), healed.warnings.end(), std::back_inserter(report_.warnings));
    if (healed.missing == 0) return {};
    auto const may_hold_it = [&](Removal const& removal) {
      return removal.layout == SnapshotLayout::plugin &&
             (removal.given_up || std::find(healed.unread.begin(), healed.unread.end(), removal.id.text) != healed.unread.end());
    };
    if (std::erase_if(to_remove_, may_hold_it) > 0)
      report_.warnings.push_back("old snapshots that cannot be read, or are hidden, were left alone, because they may hold what is missing");
    if (!torn_.empty())
      report_.warnings.push_back("unfinished uploads were left alone, because they may hold what is missing");
    torn_.clear();
    return {};
  }

  Result<void> remove_all_of(std::vector<Removal> const& removals, std::vector<std::string>& done) {
    for (Removal const& removal : removals) {
      SnapshotId const& id = removal.id;
      if (refusals_ >= refusals_before_giving_up) return {};
      // Held until the last of it is gone: who comes now is told, and who came since the verdict is not robbed.
      B2B_ASSIGN(auto const nobody_reads, SnapshotUse::begin_removal(context_.instance.data_dir, id));
      if (!nobody_reads) {
        for (RetentionVerdict& verdict : report_.verdicts)
          if (verdict.id.text == id.text) spare(verdict);
        continue;
      }
      auto const removed = removal.layout == SnapshotLayout::packed ? remove_packed_snapshot(context_, id) : remove_snapshot(context_, id);
      if (removed) {
        report_.objects_deleted += *removed;
        done.push_back(id.text);
        continue;
      }
      if (removed.error().condition != Condition::permission) return removed.error();
      if (refusals_++ > 0) continue;  // one of them tells it
      refused_.push_back("old snapshots should go and could not be deleted, " + id.text + " for one: " + removed.error().text() +
                         ". The application key needs the capability deleteFiles, and Object Lock must not hold them");
    }
    return {};
  }

  // A key that may not delete is tried now and then, not at each push.
  Result<bool> deleting_is_in_vain() {
    if (options_.on_request) return false;
    return DeleteRefusal(context_).is_fresh(now_);
  }

  // Where nothing at all may be deleted that is told once: whoever uses such a key knows, and needs no reminder each day.
  Result<void> tell_refusals() {
    DeleteRefusal refusal(context_);
    bool const deleted = report_.objects_deleted > 0 || report_.collected.packs_removed > 0;
    bool const nothing_due = refused_.empty() && to_remove_.empty() && torn_.empty() && report_.collected.packs_marked == 0;
    if (deleted || nothing_due) B2B_TRY(refusal.clear());
    if (refused_.empty()) return {};
    bool news = true;
    bool const little = refusals_ > 0 && refusals_ < refusals_before_giving_up;
    if (!deleted) {
      B2B_ASSIGN(news, refusal.refused(now_, little));
    }
    if (!news && !options_.on_request) return {};
    std::move(refused_.begin(), refused_.end(), std::back_inserter(report_.warnings));
    if (report_.objects_deleted == 0)
      report_.warnings.push_back("backups and restores go on all the same; what is not deleted stays in the bucket. With a key that is not to delete "
                                 "(append-only) nothing needs to be done about it");
    return {};
  }

  Result<void> remove_unfinished_uploads() {
    for (std::string const& prefix : {keys_prefix(context_), packed::repository_prefix(context_.config.prefix)}) {
      if (prefix != keys_prefix(context_) && !any_packed()) continue;
      auto const removed = context_.store->remove_unfinished(prefix, unfinished_age_seconds, context_.stop);
      if (removed) {
        report_.unfinished_removed += *removed;
        continue;
      }
      if (removed.error().condition != Condition::permission) return removed.error();
      report_.warnings.push_back("uploads that were begun and never finished could not be removed: " + removed.error().text());
    }
    return {};
  }

  bool any_packed() const {
    return std::any_of(listing_.snapshots.begin(), listing_.snapshots.end(),
                       [](ListedSnapshot const& listed) { return listed.info.layout == SnapshotLayout::packed; });
  }

  // Reads all lists, so once a day, or when a person asks for it.
  Result<void> collect_packs() {
    if (!any_packed() && !gives_up_packed_) return {};
    B2B_ASSIGN(bool const due, options_.on_request ? Result<bool>(true) : collection_is_due(context_, now_));
    // What it writes before it deletes would only add to what cannot be deleted.
    if (!due || (refusals_ > 0 && report_.objects_deleted == 0)) return {};
    B2B_TRY(look_for_hidden_packed(context_));   // for the status: the collection refuses while some are
    auto collected = collect_repository(context_, now_);
    if (collected) {
      report_.collected = *collected;
      return {};
    }
    if (collected.error().condition != Condition::permission && collected.error().condition != Condition::refused) return collected.error();
    std::string told = "space that no snapshot needs could not be freed: " + collected.error().text();
    (collected.error().condition == Condition::permission ? refused_ : report_.warnings).push_back(std::move(told));
    return {};
  }

  EngineContext& context_;
  PruneOptions const& options_;
  TimePoint now_{};
  BucketListing listing_;
  PruneReport report_;
  std::vector<Pin> pins_;                 // as listed, when something was to go
  std::string why_nothing_goes_;          // empty: it does
  std::vector<Removal> to_remove_;
  std::vector<SnapshotId> kept_;          // in the plugin's layout
  std::vector<SnapshotId> torn_;          // uploads that were never finished
  std::vector<Hidden> hidden_;            // what only looks torn, since its manifest is hidden
  bool gives_up_packed_ = false;
  std::vector<SnapshotId> half_removed_;  // our own deletions that were interrupted
  int refusals_ = 0;
  std::vector<std::string> refused_;      // what the key may not do, told at the end
};

}  // namespace

Result<PruneReport> prune(EngineContext& context, PruneOptions const& options) { return Pruner(context, options).run(); }

}  // namespace b2b
