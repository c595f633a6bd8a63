// The restore job from its options to its report (DESIGN rule 3). The parts: restore_site (where),
// restore_planning (what), restore_guard (databases), restore_stage (fetching), restore_commit and swap
// (putting in place).
#include "core/engine/restore.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include <unistd.h>

#include "core/engine/fetch.h"
#include "core/engine/fresh_state.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/push.h"
#include "core/engine/queue_upload.h"
#include "core/engine/restore_commit.h"
#include "core/engine/restore_confirm.h"
#include "core/engine/restore_guard.h"
#include "core/engine/restore_machine.h"
#include "core/engine/restore_names.h"
#include "core/engine/restore_planning.h"
#include "core/engine/restore_site.h"
#include "core/engine/restore_space.h"
#include "core/engine/restore_stage.h"
#include "core/engine/roots.h"
#include "core/util/file.h"

namespace b2b {
namespace {

// How often what changed at the target meanwhile is fetched after, before that is given up.
constexpr int rounds_at_most = 4;
// A push that has begun when everything is fetched is waited for: fetching again would take longer.
constexpr std::chrono::minutes lock_patience{60};

class RestoreJob {
 public:
  RestoreJob(EngineContext& context, RestoreOptions const& options, RestoreSite& site,
             std::string scratch_dir)
      : context_(context),
        options_(options),
        site_(site),
        scratch_(std::move(scratch_dir)) {}

  Result<RestoreReport> run() {
    B2B_TRY(open_snapshot());
    phase("comparing");
    B2B_TRY(plan(nullptr));
    B2B_TRY(guard_version(context_, site_, totals(), snapshot_->manifest.info, options_.installed_openclaw));
    B2B_TRY(guard_databases(context_, site_, plan_->store, totals(),
                            options_.stop_gateway ? GuardQuestion::all_but_the_running_gateway
                                                  : GuardQuestion::everything));
    report_.restored = totals().files_written + totals().metadata_set;
    report_.unchanged = totals().unchanged;
    report_.removed = totals().moved_away;
    report_.bytes = totals().bytes;
    bool const anything = totals().changes_anything() || site_.kind == RestoreSite::Kind::fresh;
    if (anything && !options_.dry_run) {
      B2B_TRY(confirm());
      B2B_TRY(carry_out());
    }
    for (auto* const part : {&plan_->refused, &staging_failed_})
      std::move(part->begin(), part->end(), std::back_inserter(report_.failed));
    std::move(plan_->notes.begin(), plan_->notes.end(), std::back_inserter(report_.notes));
    return std::move(report_);
  }

 private:
  PlanTotals const& totals() const { return plan_->totals; }

  Result<void> plan(RestorePlan* before) {
    auto made = make_restore_plan({context_, site_, *snapshot_, options_.paths, scratch_}, before);
    if (!made) return made.error();
    plan_.emplace(std::move(*made));
    return {};
  }

  bool from_elsewhere() const {
    SnapshotInfo const& info = snapshot_->manifest.info;
    return in_place() && info.ours && !info.instance.empty() && info.instance != context_.instance.id;
  }
  bool in_place() const { return site_.kind == RestoreSite::Kind::in_place; }

  Result<void> open_snapshot() {
    phase("reading the snapshot");
    B2B_ASSIGN(report_.snapshot, resolve_snapshot(context_, options_.snapshot, report_.notes));
    auto use = SnapshotUse::begin(context_.instance.data_dir, report_.snapshot);
    if (!use) return use.error();
    use_.emplace(std::move(*use));
    auto loaded = load_snapshot(context_, report_.snapshot, scratch_);
    if (!loaded) return loaded.error();
    snapshot_.emplace(std::move(*loaded));
    SnapshotInfo const& info = snapshot_->manifest.info;
    if (!info.ours) {
      auto others = SnapshotUse::begin_any(context_.instance.data_dir);
      if (!others) return others.error();
      use_of_others_.emplace(std::move(*others));
    }
    for (BadPath const& bad : snapshot_->bad_paths)
      report_.failed.push_back({bad.path, "refused: the path " + bad.problem});
    if (!info.complete)
      report_.notes.push_back(
          "this snapshot is incomplete: " + count_of(info.skipped_total, "file", "files") +
          " could not be read, or not whole (damaged databases, attributes), when it was taken");
    if (from_elsewhere())
      report_.notes.push_back("this snapshot was taken from another place: " + printable(info.state_dir) +
                              " on " + printable(info.host));
    return {};
  }

  Result<void> confirm() const {
    if (options_.confirmed || totals().overwritten == 0) return {};
    return needs_a_yes(site_, totals(), snapshot_->manifest.info, from_elsewhere());
  }

  Result<void> carry_out() {
    B2B_TRY(make_missing_state_directory());
    B2B_ASSIGN(auto const mounts, plan_->store.mounts());
    B2B_TRY(check_space(context_, site_, mounts, in_place() && options_.safety && totals().overwritten > 0));
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
    B2B_ASSIGN(site_.tree, TargetTree::open(site_.target));
    return {};
  }

  Result<void> stage_and_swap(SwapFolder& folder) {
    BodyFetcher fetcher(context_, snapshot_->manifest.info, snapshot_->manifest.signature, scratch_,
                        options_.snapshot != "latest");
    context_.progress->files_total = totals().files_written;
    context_.progress->bytes_total = totals().bytes;
    report_.bytes = 0;
    B2B_TRY(stage_until_it_fits(fetcher));
    std::string const diagnosis = fetcher.diagnose();
    if (!diagnosis.empty()) report_.notes.push_back(diagnosis);
    report_.unchanged = totals().unchanged;
    if (in_place() && !totals().changes_anything()) {
      report_.restored = report_.removed = 0;
      return {};
    }

    CommitRules rules;
    rules.as_root = as_root();
    rules.stamp = format_basic8601(context_.clock->now());
    if (fence_) B2B_TRY(block_gateway(rules));
    B2B_TRY(rehearse(rules));
    B2B_TRY(take_safety(rules));
    // A gateway may have been started meanwhile.
    B2B_TRY(guard_databases(context_, site_, plan_->store, totals()));
    B2B_TRY(keep_this_machines());
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
    if (!report_.quarantine.empty())
      report_.notes.push_back("what was replaced or moved away is kept in " + report_.quarantine + " until you remove it");
    return {};
  }

  // What would keep the swap from being written down is found before a safety snapshot is taken for nothing.
  Result<void> rehearse(CommitRules rules) {
    if (!in_place()) return {};
    B2B_TRY(guard_databases(context_, site_, plan_->store, totals()));
    rules.may_be_dropped = [](std::string_view) { return true; };
    auto const made = make_operations(site_, plan_->store, snapshot_->catalog, rules,
                                      [](SwapOperation const&) { return Result<void>(); });
    return made ? Result<void>() : made.error();
  }

  // What outlasts a crash: openclaw.json goes first and comes back last, and a restart knows why.
  Result<void> block_gateway(CommitRules& rules) {
    rules.config_path = config_in_tree(context_, site_);
    if (rules.config_path.empty())
      report_.notes.push_back("OpenClaw's configuration " + context_.config.openclaw_json +
                              " lies outside the state directory: had this restore been interrupted, a gateway could have been "
                              "started before the next job finished it");
    return {};
  }

  // Fetching holds no lock, so the target may change meanwhile. In place the lock is taken then, and the plan
  // made again; what it wants in addition is fetched after, without the lock. Ends with the lock held.
  Result<void> stage_until_it_fits(BodyFetcher& fetcher) {
    B2B_TRY(refuse_names());
    for (int round = 1;; ++round) {
      B2B_TRY(stage(fetcher));
      if (!in_place()) return {};
      bool const databases = needs_fence(site_, totals());
      if (databases) B2B_TRY(check_staged());
      if (databases) B2B_TRY(stop_gateway());
      phase("waiting for another job");
      auto held = DataLock::wait(site_.target, "restore", *context_.clock, lock_patience, context_.stop);
      if (!held) return held.error();
      data_lock_.emplace(std::move(*held));
      if (databases && !fence_) {
        auto raised = raise_fence(context_, site_);
        if (!raised) return raised.error();
        fence_.emplace(std::move(*raised));
      }
      phase("comparing again");
      B2B_ASSIGN(std::uint64_t const missing, plan_again());
      // A database that changed meanwhile needs the fence up before it is looked at.
      bool const unfenced = needs_fence(site_, totals()) && !fence_;
      if (missing == 0 && !unfenced) return confirm();
      data_lock_.reset();
      if (round == rounds_at_most)
        return make_error(
            Condition::changed,
            "the state directory " + site_.target + " changes faster than it can be restored: " +
                count_of(missing, "file", "files") + " changed again while the restore was under way",
            "Stop what writes there (is an agent running?) and restore again. Nothing was changed",
            site_.target);
    }
  }

  Result<void> check_staged() {
    if (!options_.check_staged || std::exchange(checked_staged_, true)) return {};
    phase("checking databases");
    return check_staged_databases(site_, plan_->store, options_.check_staged, report_.notes);
  }

  Result<void> stop_gateway() {
    if (!options_.stop_gateway || stopped_gateway_) return {};
    stopped_gateway_ = true;
    phase("stopping the gateway");
    return options_.stop_gateway();
  }

  Result<std::uint64_t> plan_again() {
    RestorePlan before = std::move(*plan_);
    B2B_TRY(plan(&before));
    B2B_TRY(carry_staged(before.store, plan_->store, snapshot_->catalog));
    B2B_ASSIGN(auto const mounts, plan_->store.mounts());
    for (auto const& [top, needs] : mounts)
      if (!site_.folders.contains(top))
        return make_error(
            Condition::changed,
            "a file system was mounted at " + site_.tree->absolute(top) + " while the restore was under way",
            "Restore again. Nothing was changed", top);
    B2B_TRY(refuse_names());
    return count_unstaged(plan_->store, staging_failed_);
  }

  Result<void> stage(BodyFetcher& fetcher) {
    phase("downloading");
    B2B_ASSIGN(StageReport staged,
               stage_files(context_, site_, plan_->store, snapshot_->catalog, fetcher, as_root()));
    staging_failed_ = std::move(staged.failed);  // what failed before was tried again
    if (staged.metadata_failed > 0)
      report_.notes.push_back("the target did not take all modes, owners or attributes of " +
                              count_of(staged.metadata_failed, "file", "files") + " (" +
                              staged.metadata_problem + ")");
    report_.bytes += staged.bytes;
    return {};
  }

  Result<void> refuse_names() {
    return refuse_names_at(site_, plan_->store, [&](std::string const& path, std::string const& problem) {
      plan_->refused.push_back({path, "refused: " + problem});
    });
  }

  Result<void> take_safety(CommitRules& rules) {
    if (!in_place() || totals().overwritten == 0) return {};
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
    B2B_ASSIGN(Scope scope, scope_of(context_.config));
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
    B2B_ASSIGN(CommitReport commit, make_operations(site_, plan_->store, snapshot_->catalog, rules,
                                                    [&](SwapOperation const& operation) {
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
               make_operations(site_, plan_->store, snapshot_->catalog, rules,
                               [&](SwapOperation const& operation) { return journal.add(operation); }));
    if (fence_) B2B_TRY(folder.note_databases());
    B2B_TRY(folder.commit(journal, options_.swap_hook));
    auto const outcome = folder.run(options_.swap_hook);
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
  std::string const scratch_;
  std::optional<SnapshotUse> use_;
  std::optional<SnapshotUse> use_of_others_;  // while a plugin's snapshot is restored
  std::optional<LoadedSnapshot> snapshot_;
  std::optional<RestorePlan> plan_;
  std::vector<RestoreFailure> staging_failed_;
  std::optional<DataLock> data_lock_;  // from the last comparison to the end of the swap
  std::optional<GatewayFence> fence_;  // the same, when databases change
  bool checked_staged_ = false;
  bool stopped_gateway_ = false;
  RestoreReport report_;
  bool keep_folders_ = false;
};

}  // namespace

namespace {

// After the swap, without the data lock: nothing that is restored depends on it.
std::string send_safety(EngineContext& context, SnapshotId const& id) {
  std::string const kept = "the safety snapshot " + id.text + " is kept on this machine for now";
  if (context.uploads_follow) return kept + "; its upload follows";
  context.progress->phase = "uploading the safety snapshot";
  auto const sent = [&]() -> Result<void> {
    B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "safety snapshot"));
    B2B_TRY(upload_pending_safety(context, false));
    return {};
  }();
  return sent ? std::string() : kept + " (" + sent.error().text() + "); the next push uploads it";
}

}  // namespace

Result<RestoreReport> restore(EngineContext& context, RestoreOptions const& options) {
  // A bad pattern is told before anything else is asked for.
  for (std::string const& text : options.paths)
    B2B_TRY(Glob::parse(text));
  B2B_ASSIGN(RestoreSite site, choose_site(context, options.target));
  bool const in_place = site.kind == RestoreSite::Kind::in_place;
  std::vector<std::string> recovered;
  std::optional<RestoreLock> restore_lock;
  if (!options.dry_run) {
    if (in_place) {
      auto held = RestoreLock::acquire(context.instance.data_dir, site.target);
      if (!held) return held.error();
      restore_lock.emplace(std::move(*held));
    }
    if (in_place && site.tree) {
      B2B_ASSIGN(DataLock const lock, DataLock::acquire(site.target, "restore"));
      B2B_ASSIGN(recovered, recover_restores(context));
    } else {
      B2B_ASSIGN(recovered, recover_site(site));
    }
  }
  B2B_ASSIGN(TemporaryDirectory const scratch, make_scratch(context));
  auto report = RestoreJob(context, options, site, scratch.path()).run();
  if (!report) return report;
  if (report->safety) {
    restore_lock.reset();
    if (std::string note = send_safety(context, *report->safety); !note.empty()) report->notes.push_back(std::move(note));
  }
  report->notes.insert(report->notes.begin(), recovered.begin(), recovered.end());
  return report;
}

}  // namespace b2b
