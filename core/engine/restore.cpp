// The restore job from its options to its report (DESIGN rule 3). The parts: restore_site (where),
// restore_plan (what), restore_guard (databases), restore_stage (fetching), restore_commit and swap (putting
// in place).
#include "core/engine/restore.h"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "core/engine/fetch.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/push.h"
#include "core/engine/push_plan.h"
#include "core/engine/restore_commit.h"
#include "core/engine/restore_guard.h"
#include "core/engine/restore_names.h"
#include "core/engine/restore_site.h"
#include "core/engine/restore_space.h"
#include "core/engine/restore_stage.h"
#include "core/engine/restore_target.h"
#include "core/util/file.h"

namespace b2b {
namespace {

std::string count_of(std::uint64_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

Result<void> take_lock(std::string const& state_dir, std::optional<DataLock>& lock) {
  auto held = DataLock::acquire(state_dir, "restore");
  if (!held) return held.error();
  lock.emplace(std::move(*held));
  return {};
}

class RestoreJob {
 public:
  // `lock`: held in place already, unless the state directory does not exist yet.
  RestoreJob(EngineContext& context, RestoreOptions const& options, RestoreSite& site,
             std::optional<DataLock>& lock, std::string scratch_dir)
      : context_(context), options_(options), site_(site), lock_(lock), scratch_(std::move(scratch_dir)) {}

  Result<RestoreReport> run() {
    B2B_TRY(open_snapshot());
    B2B_TRY(make_plan());
    B2B_TRY(guard_databases(context_, site_, *plan_, totals_));
    report_.restored = totals_.files_written + totals_.metadata_set;
    report_.unchanged = totals_.unchanged;
    report_.removed = totals_.moved_away;
    report_.bytes = totals_.bytes;
    if (options_.dry_run || (!totals_.changes_anything() && site_.kind != RestoreSite::Kind::fresh))
      return std::move(report_);
    B2B_TRY(confirm());
    B2B_TRY(carry_out());
    return std::move(report_);
  }

 private:
  bool in_place() const { return site_.kind == RestoreSite::Kind::in_place; }

  Result<void> open_snapshot() {
    phase("reading the snapshot");
    B2B_ASSIGN(report_.snapshot, resolve_snapshot(context_, options_.snapshot, report_.notes));
    auto loaded = load_snapshot(context_, report_.snapshot, scratch_);
    if (!loaded) return loaded.error();
    snapshot_.emplace(std::move(*loaded));
    SnapshotInfo const& info = snapshot_->manifest.info;
    for (BadPath const& bad : snapshot_->bad_paths)
      report_.failed.push_back({bad.path, "refused: the path " + bad.problem});
    if (!info.complete)
      report_.notes.push_back(
          "this snapshot is incomplete: " + count_of(info.skipped_total, "file", "files") +
          " could not be read, or not with all its attributes, when it was taken");
    if (in_place() && info.ours && !info.instance.empty() && info.instance != context_.instance.id)
      report_.notes.push_back("this snapshot was taken from another place: " + printable(info.state_dir) +
                              " on " + printable(info.host));
    return {};
  }

  Result<Scope> snapshot_scope() const {
    SnapshotInfo const& info = snapshot_->manifest.info;
    if (!info.ours) return Scope::seed();
    return Scope::parse(info.scope);
  }

  Result<void> make_plan() {
    phase("comparing");
    PlanRules rules;
    rules.in_place = in_place();
    rules.as_root = as_root();
    for (std::string const& text : options_.paths) {
      B2B_ASSIGN(Glob glob, Glob::parse(text));
      rules.paths.push_back(std::move(glob));
    }
    B2B_ASSIGN(plan_, PlanStore::create(scratch_file(scratch_, "plan")));
    std::uint64_t name_max = 255;
    if (site_.tree) {
      B2B_ASSIGN(auto const file_system, site_.tree->file_system({}));
      name_max = file_system.name_max;
    }
    TargetTree const* const tree =
        site_.tree && site_.kind != RestoreSite::Kind::fresh ? &*site_.tree : nullptr;
    LiveTarget target(context_, tree, scratch_, name_max, in_place());
    std::uint64_t items = 0;
    auto const take = [&](PlanItem&& item) -> Result<void> {
      ++items;
      count_item(totals_, item);
      if (item.action == PlanAction::refused)
        report_.failed.push_back({item.path, "refused: " + item.problem});
      return plan_->put(item);
    };
    B2B_TRY(plan_restore(snapshot_->catalog, target, rules, take, context_.stop));
    if (items == 0 && !rules.paths.empty())
      return make_error(Condition::not_found,
                        "snapshot " + report_.snapshot.text + " holds nothing that --path " +
                            options_.paths.front() + " matches",
                        "daemonctl ls " + report_.snapshot.text + " shows what it holds",
                        options_.paths.front());
    if (in_place()) B2B_TRY(plan_in_place(target, take));
    return {};
  }

  // What an in-place restore has on top: is it a state directory at all, and what should not be there?
  Result<void> plan_in_place(LiveTarget& target, PlanVisit const& take) {
    B2B_ASSIGN(Scope const scope, snapshot_scope());
    B2B_TRY(check_it_fits(scope));
    if (!options_.paths.empty() || !site_.tree) return {};
    SnapshotInfo const& info = snapshot_->manifest.info;
    if (info.skipped_total > info.skipped.size()) {
      report_.notes.push_back(
          "files that the snapshot does not hold stay where they are: it could not take " +
          count_of(info.skipped_total, "file", "files") + ", and does not name them all");
      return {};
    }
    B2B_ASSIGN(Catalog present, Catalog::create(scratch_file(scratch_, "present")));
    std::optional<Error> failure;
    std::uint64_t unreadable = 0;
    ScanCallbacks callbacks;
    callbacks.entry = [&](ScanItem&& item) {
      CatalogEntry entry;
      entry.entry = std::move(item.entry);
      auto const put = present.put(entry);
      if (!put && !failure) failure = put.error();
    };
    callbacks.skip = [&](Skip&& skip) { unreadable += skip.reason == SkipReason::unreadable ? 1 : 0; };
    B2B_TRY(scan({Root{"", site_.target}}, scope, 4, callbacks, context_.stop));
    if (failure) return *failure;
    if (unreadable > 0)
      report_.notes.push_back(count_of(unreadable, "place", "places") +
                              " in the state directory cannot be read; what the snapshot "
                              "does not hold stays there");
    RemovalRules rules;
    rules.scope = &scope;
    rules.files_only = !info.ours;
    for (auto const& [path, reason] : info.skipped)
      rules.skipped.push_back(path);
    return plan_removals(present, snapshot_->catalog, target, rules, take, context_.stop);
  }

  // A set of files with labels before their paths ("data/openclaw.json") would end up beside the real ones.
  Result<void> check_it_fits(Scope const& scope) {
    bool fits = false;
    bool any = false;
    std::string example;
    std::string after;
    for (bool from_start = true; !fits; from_start = false) {
      B2B_ASSIGN(auto const batch, snapshot_->catalog.batch_after(after, 256, from_start));
      if (batch.empty()) break;
      for (CatalogEntry const& entry : batch) {
        if (entry.entry.type != EntryType::file) continue;
        if (!any) example = entry.entry.path;
        any = true;
        fits = fits || scope.takes(entry.entry.path, false);
      }
      after = batch.back().entry.path;
    }
    if (fits || !any) return {};
    return make_error(Condition::refused,
                      "snapshot " + report_.snapshot.text +
                          " does not look like a state directory: none of its files (such as " +
                          printable(example) + ") has its place in one",
                      "Restore it to another directory with --target DIR", report_.snapshot.text);
  }

  Result<void> confirm() const {
    if (options_.confirmed || totals_.overwritten == 0) return {};
    std::string what =
        count_of(totals_.overwritten - totals_.moved_away, "file", "files") + " in " + site_.target;
    std::string message = "this restore would overwrite or change " + what;
    if (totals_.moved_away > 0)
      message += " and move " + count_of(totals_.moved_away, "file", "files") +
                 " that the snapshot does not hold into a quarantine folder";
    return make_error(
        Condition::refused, message + "; nothing was changed",
        "Add --yes to do it, --dry-run to look first, or --target DIR to restore somewhere else");
  }

  Result<void> carry_out() {
    B2B_TRY(make_missing_state_directory());
    B2B_ASSIGN(auto const mounts, plan_->mounts());
    B2B_TRY(check_space(context_, site_, mounts, in_place() && options_.safety && totals_.overwritten > 0));
    std::vector<std::string> tops;
    for (auto const& [top, needs] : mounts)
      tops.push_back(top);
    B2B_ASSIGN(SwapFolder folder, make_folders(context_, site_, tops));
    auto done = stage_and_swap(folder);
    if (!done && keep_folders_) return done;  // neither done nor undone: the next job goes on from there
    auto const removed = remove_folders(context_, site_, folder);
    if (!done) {
      Error error = std::move(done).error();
      if (!removed) error.message += " (and " + removed.error().message + ")";
      return error;
    }
    if (!removed)
      report_.notes.push_back("the staging folder could not be removed: " + removed.error().message);
    return {};
  }

  Result<void> make_missing_state_directory() {
    if (!in_place() || site_.tree) return {};
    B2B_TRY(make_directories(site_.target, 0700));
    B2B_TRY(take_lock(site_.target, lock_));
    B2B_ASSIGN(site_.tree, TargetTree::open(site_.target));
    return {};
  }

  Result<void> stage_and_swap(SwapFolder& folder) {
    B2B_TRY(refuse_names());
    BodyFetcher fetcher(context_, snapshot_->manifest.info, snapshot_->manifest.signature, scratch_,
                        options_.snapshot != "latest");
    context_.progress->files_total = totals_.files_written;
    context_.progress->bytes_total = totals_.bytes;
    phase("downloading");
    B2B_ASSIGN(StageReport staged,
               stage_files(context_, site_, *plan_, snapshot_->catalog, fetcher, as_root()));
    for (RestoreFailure& failure : staged.failed)
      report_.failed.push_back(std::move(failure));
    if (staged.metadata_failed > 0)
      report_.notes.push_back("the target did not take all modes, owners or attributes of " +
                              count_of(staged.metadata_failed, "file", "files") + " (" +
                              staged.metadata_problem + ")");
    std::string const diagnosis = fetcher.diagnose();
    if (!diagnosis.empty()) report_.notes.push_back(diagnosis);
    report_.bytes = staged.bytes;

    CommitRules rules;
    rules.as_root = as_root();
    rules.stamp = format_basic8601(context_.clock->now());
    B2B_TRY(take_safety(rules));
    // A gateway may have been started meanwhile.
    B2B_TRY(guard_databases(context_, site_, *plan_, totals_));
    if (context_.stop.stop_requested())
      return make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
    phase("swapping");
    CommitReport commit;
    if (site_.kind == RestoreSite::Kind::fresh) {
      B2B_ASSIGN(commit, build_fresh(rules));
    } else {
      B2B_ASSIGN(commit, swap_in(folder, rules));
    }
    report_.restored = commit.restored;
    report_.removed = commit.moved_away;
    for (std::string const& kept : commit.kept_in) {
      std::string& shown = in_place() ? report_.quarantine : report_.replaced;
      if (shown.empty()) {
        shown = kept;
      } else {
        report_.notes.push_back("what was there on another file system is kept in " + kept);
      }
    }
    return {};
  }

  Result<void> refuse_names() {
    for (auto const& [top, folder] : site_.folders) {
      std::string const names = join_path(folder, "names");
      B2B_TRY(site_.tree->make_directory(names, 0700));
      B2B_ASSIGN(bool const plain, names_are_plain(*site_.tree, names));
      if (!plain) {
        DirectoryNameShadow shadow(*site_.tree, names);
        B2B_TRY(refuse_impossible_names(*plan_, top, shadow,
                                        [&](std::string const& path, std::string const& problem) {
                                          report_.failed.push_back({path, "refused: " + problem});
                                        }));
      }
      B2B_TRY(site_.tree->remove_tree(names));
    }
    return {};
  }

  Result<void> take_safety(CommitRules& rules) {
    if (!in_place() || totals_.overwritten == 0) return {};
    if (!options_.safety) {
      rules.may_be_dropped = [](std::string_view) { return true; };
      return {};
    }
    phase("taking a safety snapshot");
    auto taken = take_safety_snapshot(context_);
    if (!taken) {
      Error error = taken.error();
      error.message =
          "the safety snapshot of what is there now failed, so nothing was changed: " + error.message;
      return error;
    }
    report_.safety = taken->id;
    for (std::string& warning : taken->warnings)
      report_.notes.push_back(std::move(warning));
    std::set<std::string, std::less<>> skipped;
    for (Skip const& skip : taken->skipped)
      skipped.insert(skip.path);
    B2B_ASSIGN(Scope scope, Scope::build(context_.config.include, context_.config.exclude));
    rules.may_be_dropped = [scope = std::move(scope), skipped = std::move(skipped)](std::string_view path) {
      if (!scope.takes(path, false)) return false;
      for (std::string above(path); !above.empty(); above = parent_path(above))
        if (skipped.contains(above)) return false;
      return !skipped.contains(".");
    };
    return {};
  }

  // Nothing is there that could be mixed up: the operations are simply done, and one rename makes them count.
  Result<CommitReport> build_fresh(CommitRules const& rules) {
    B2B_ASSIGN(CommitReport commit,
               make_operations(site_, *plan_, snapshot_->catalog, rules, [&](SwapOperation const& operation) {
                 return do_operation(*site_.tree, operation, false);
               }));
    B2B_TRY(site_.tree->sync_file_system(site_.staging));
    B2B_TRY(site_.tree->rename(join_path(site_.staging, "tree"), site_.name));
    B2B_TRY(site_.tree->sync_directory({}));
    return commit;
  }

  Result<CommitReport> swap_in(SwapFolder& folder, CommitRules const& rules) {
    B2B_ASSIGN(SwapJournalWriter journal, folder.begin_journal());
    B2B_ASSIGN(CommitReport commit,
               make_operations(site_, *plan_, snapshot_->catalog, rules,
                               [&](SwapOperation const& operation) { return journal.add(operation); }));
    B2B_TRY(folder.commit(journal));
    auto const outcome = folder.run();
    if (!outcome) {
      keep_folders_ = true;
      return outcome.error();
    }
    if (outcome->undone) {
      Error error = outcome->cause.value_or(make_error(Condition::internal, "the restore was undone"));
      error.message =
          "the restore could not be finished and was undone, everything is as it was: " + error.message;
      return error;
    }
    return commit;
  }

  static bool as_root() { return ::geteuid() == 0; }
  void phase(char const* name) { context_.progress->phase = name; }

  EngineContext& context_;
  RestoreOptions const& options_;
  RestoreSite& site_;
  std::optional<DataLock>& lock_;
  std::string const scratch_;
  std::optional<LoadedSnapshot> snapshot_;
  std::optional<PlanStore> plan_;
  PlanTotals totals_;
  RestoreReport report_;
  bool keep_folders_ = false;
};

}  // namespace

Result<RestoreReport> restore(EngineContext& context, RestoreOptions const& options) {
  // A bad pattern is told before anything else is asked for.
  for (std::string const& text : options.paths)
    B2B_TRY(Glob::parse(text));
  B2B_ASSIGN(RestoreSite site, choose_site(context, options.target));
  bool const in_place = site.kind == RestoreSite::Kind::in_place;
  std::vector<std::string> recovered;
  std::optional<DataLock> lock;
  if (!options.dry_run) {
    if (in_place && site.tree) {
      B2B_TRY(take_lock(site.target, lock));
      B2B_ASSIGN(recovered, recover_restores(context));
    } else {
      B2B_ASSIGN(recovered, recover_site(site));
    }
  }
  B2B_ASSIGN(TemporaryDirectory const scratch, make_scratch(context));
  auto report = RestoreJob(context, options, site, lock, scratch.path()).run();
  if (!report) return report;
  report->notes.insert(report->notes.begin(), recovered.begin(), recovered.end());
  return report;
}

}  // namespace b2b
