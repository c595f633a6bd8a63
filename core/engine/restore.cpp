// The restore job from its options to its report (DESIGN rule 3). What it is made of: restore_part (one place that is written to),
// restore_site (where), restore_roots (agents' directories elsewhere), restore_planning (what), restore_guard (databases),
// restore_stage (fetching), restore_machine (what stays), restore_commit and swap (putting in place).
#include "core/engine/restore.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <utility>

#include <unistd.h>

#include "core/config/plugin_entry.h"
#include "core/engine/fetch.h"
#include "core/engine/fresh_state.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/push.h"
#include "core/engine/restore_confirm.h"
#include "core/engine/restore_guard.h"
#include "core/engine/restore_machine.h"
#include "core/engine/restore_part.h"
#include "core/engine/restore_roots.h"
#include "core/engine/restore_space.h"
#include "core/engine/restore_swap.h"
#include "core/engine/roots.h"
#include "core/engine/snapshot_use.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/glob.h"
#include "core/util/wait.h"

namespace b2b {
namespace {

// How often what changed at the target meanwhile is fetched after, before that is given up.
constexpr int rounds_at_most = 4;
// Another job is waited for: mostly a capture, which takes moments. When everything is fetched, longer than fetching again would take.
constexpr std::chrono::minutes first_patience{5}, lock_patience{60};
// A process that ends is given 10 s to close its databases.
constexpr int looks_at_openers = 50;
constexpr std::chrono::milliseconds look_again_after{200};
constexpr std::uint64_t config_limit_bytes = 4 << 20;

class RestoreJob {
 public:
  RestoreJob(EngineContext& context, RestoreOptions const& options, RestoreSite site, std::string scratch_dir)
      : context_(context),
        options_(options),
        target_(site.target),
        in_place_(site.in_place()),
        site_(std::move(site)),
        scratch_(std::move(scratch_dir)) {}

  Result<RestoreReport> run() {
    B2B_TRY(open_snapshot());
    phase("comparing");
    B2B_TRY(name_missing_paths(snapshot_->catalog, info().id, options_.paths, report_.failed));
    B2B_TRY(choose_parts());
    for (RestorePart& part : parts_) {
      B2B_TRY(part.compare());
      B2B_TRY(guard_version(context_, part.site(), part.totals(), info(), options_.installed_openclaw));
    }
    B2B_TRY(guard(options_.stop_gateway ? GuardQuestion::all_but_the_running_gateway : GuardQuestion::everything));
    for (RestorePart const& part : parts_) {
      report_.restored += part.totals().files_written + part.totals().metadata_set;
      report_.unchanged += part.totals().unchanged;
      report_.removed += part.totals().moved_away;
      report_.bytes += part.totals().bytes;
    }
    if (changes_anything() && !options_.dry_run) {
      B2B_TRY(confirm());
      B2B_TRY(carry_out());
    }
    for (RestorePart& part : parts_)
      part.tell();
    return std::move(report_);
  }

 private:
  SnapshotInfo const& info() const { return snapshot_->manifest.info; }
  bool in_place() const { return in_place_; }
  EngineContext& source() { return options_.from != nullptr ? *options_.from : context_; }
  // The state directory, or the target: the last of the parts.
  RestorePart& main_part() { return parts_.back(); }

  template <class Question>
  bool any_part(Question question) const {
    return std::any_of(parts_.begin(), parts_.end(), question);
  }
  bool changes_anything() const {
    return any_part([](RestorePart const& part) { return part.changes_anything(); });
  }
  bool changes_databases() const {
    return any_part([](RestorePart const& part) { return needs_fence(part.site(), part.totals()); });
  }
  std::uint64_t sum(std::uint64_t PlanTotals::*count) const {
    std::uint64_t total = 0;
    for (RestorePart const& part : parts_)
      total += part.totals().*count;
    return total;
  }

  bool from_elsewhere() const {
    return in_place() && info().ours && !info().instance.empty() && info().instance != context_.instance.id;
  }

  Result<void> open_snapshot() {
    phase("reading the snapshot");
    B2B_ASSIGN(report_.snapshot, resolve_snapshot(source(), options_.snapshot, report_.notes));
    auto use = SnapshotUse::begin(context_.instance.data_dir, report_.snapshot);
    if (!use) return use.error();
    use_.emplace(std::move(*use));
    auto loaded = load_snapshot(source(), report_.snapshot, scratch_);
    if (!loaded) return loaded.error();
    snapshot_.emplace(std::move(*loaded));
    if (!info().ours) {
      auto others = SnapshotUse::begin_any(context_.instance.data_dir);
      if (!others) return others.error();
      use_of_others_.emplace(std::move(*others));
    }
    for (BadPath const& bad : snapshot_->bad_paths)
      report_.failed.push_back({bad.path, "refused: the path " + bad.problem});
    if (!info().complete)
      report_.notes.push_back(
          "this snapshot is incomplete: " + count_of(info().skipped_total, "file", "files") + " could not be read, or not whole (damaged databases, attributes), when it was taken");
    if (from_elsewhere())
      report_.notes.push_back("this snapshot was taken from another place: " + printable(info().state_dir) +
                              " on " + printable(info().host));
    return {};
  }

  // The roots come first: openclaw.json, without which no gateway starts, is the last thing that the state directory gets back.
  Result<void> choose_parts() {
    RestorePart::Shared const shared{context_, info(), options_, scratch_, report_};
    if (in_place()) {
      B2B_ASSIGN(parts_, root_parts(shared, snapshot_->catalog));
    }
    parts_.emplace_back(shared, std::move(site_), snapshot_->catalog);
    return {};
  }

  Result<void> guard(GuardQuestion question = GuardQuestion::everything) {
    for (RestorePart& part : parts_)
      B2B_TRY(guard_databases(context_, part.site(), part.plan_store(), part.totals(), question));
    return {};
  }

  Result<void> confirm() const {
    if (options_.confirmed || sum(&PlanTotals::overwritten) == 0) return {};
    RestoreQuestion question;
    question.overwritten = sum(&PlanTotals::overwritten);
    question.moved_away = sum(&PlanTotals::moved_away);
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part)
      if (part->totals().overwritten > 0) question.targets.push_back(part->site().target);
    return needs_a_yes(question, info(), from_elsewhere());
  }

  Result<void> carry_out() {
    std::vector<SpaceNeed> needs;
    for (RestorePart& part : parts_) {
      B2B_ASSIGN(auto mounts, part.plan_store().mounts());
      needs.push_back({&part.site(), std::move(mounts)});
    }
    B2B_TRY(check_space(context_, needs, in_place() && options_.safety && sum(&PlanTotals::overwritten) > 0));
    auto done = stage_and_swap();
    B2B_TRY(forget_config_copy(context_));
    for (RestorePart& part : parts_) {
      auto const cleared = part.clear();
      if (cleared) continue;
      if (!done) {
        Error error = std::move(done).error();
        error.message += " (and " + cleared.error().message + ")";
        return error;
      }
      report_.notes.push_back("the staging folder could not be removed: " + cleared.error().message);
    }
    return done;
  }

  Result<void> stage_and_swap() {
    std::string const group = parts_.size() > 1 ? new_restore_id() : std::string();
    for (RestorePart& part : parts_)
      B2B_TRY(part.make_folders(group, part.label().empty()));
    B2B_ASSIGN(auto const fetcher, make_fetcher(source(), *snapshot_, scratch_, options_.snapshot != "latest"));
    context_.progress->files_total = sum(&PlanTotals::files_written);
    context_.progress->bytes_total = sum(&PlanTotals::bytes);
    report_.bytes = report_.restored = report_.removed = 0;
    B2B_TRY(stage_until_it_fits(*fetcher));
    std::string const diagnosis = fetcher->diagnose();
    if (!diagnosis.empty()) report_.notes.push_back(diagnosis);
    report_.unchanged = sum(&PlanTotals::unchanged);
    if (in_place() && !changes_anything()) return {};

    CommitRules rules;
    rules.as_root = as_root();
    rules.stamp = format_basic8601(context_.clock->now());
    if (fence_) B2B_TRY(block_gateway(rules));
    B2B_TRY(rehearse(rules));
    B2B_TRY(take_safety(rules));
    // A gateway may have been started meanwhile.
    B2B_TRY(guard());
    B2B_TRY(keep_this_machines());
    if (context_.stop.stop_requested())
      return make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
    phase("swapping");
    return swap_all(rules);
  }

  Result<void> swap_all(CommitRules const& rules) {
    SwapOrder order;
    for (RestorePart& part : parts_)
      if (part.changes_anything()) order.parts.push_back(&part);
    // The state directory's journal counts for all; also when nothing else is to be done there.
    if (order.parts.size() > 1 && order.parts.back() != &main_part()) order.parts.push_back(&main_part());
    order.rules = [&](RestorePart const& part) { return rules_for(part, rules); };
    if (fence_) order.about = interrupted_text({info().id.text, gateway_ran_});
    order.ready = [&](std::vector<CommitReport> const& commits) -> Result<void> {
      for (CommitReport const& commit : commits) note_commit(commit);
      if (!report_.quarantine.empty())
        report_.notes.push_back("what was replaced or moved away is kept in " + report_.quarantine + " until you remove it");
      return options_.committing ? options_.committing(report_) : Result<void>();
    };
    order.hook = options_.swap_hook;
    return swap_parts(order);
  }

  void note_commit(CommitReport const& commit) {
    report_.restored += commit.restored;
    report_.removed += commit.moved_away;
    for (std::string const& kept : commit.kept_in) {
      std::string& shown = in_place() ? report_.quarantine : report_.replaced;
      if (!shown.empty()) report_.notes.push_back("what was there on another file system, or in another directory, is kept in " + shown);
      shown = kept;
    }
  }

  // The same rules, for the paths of a root.
  CommitRules rules_for(RestorePart const& part, CommitRules rules) const {
    if (part.label().empty()) return rules;
    rules.config_path.clear();
    rules.may_be_dropped = [outer = rules.may_be_dropped, label = part.label()](std::string_view path) {
      return outer && outer(join_path(label, path));
    };
    return rules;
  }

  // A gateway lets go of its lock a moment before its process ends, with its databases still open.
  Result<void> guard_with_patience() {
    for (int look = 1;; ++look) {
      auto guarded = guard();
      if (guarded || !fence_ || look == looks_at_openers || !wait_unless_stopped(look_again_after, context_.stop)) return guarded;
    }
  }

  // What would keep the swap from being written down is found before a safety snapshot is taken for nothing.
  Result<void> rehearse(CommitRules const& rules) {
    if (!in_place()) return {};
    B2B_TRY(guard_with_patience());
    for (RestorePart& part : parts_)
      B2B_TRY(part.rehearse(rules_for(part, rules)));
    return {};
  }

  // What outlasts a crash: openclaw.json goes first and comes back last.
  Result<void> block_gateway(CommitRules& rules) {
    rules.config_path = config_in_tree(context_, main_part().site());
    if (auto const text = read_file(join_path(target_, rules.config_path), config_limit_bytes); !rules.config_path.empty() && text)
      B2B_TRY(atomic_write_file(config_during_restore(target_), *text));
    if (rules.config_path.empty())
      report_.notes.push_back("OpenClaw's configuration " + context_.config.openclaw_json +
                              " lies outside the state directory: had this restore been interrupted, a gateway could have been "
                              "started before the next job finished it");
    return {};
  }

  // Fetching holds no lock, so the target may change meanwhile. In place the lock is taken then, and the plan made again; what it
  // wants in addition is fetched after, without the lock while the gateway runs. Ends with the lock held.
  Result<void> stage_until_it_fits(BodyFetcher& fetcher) {
    for (RestorePart& part : parts_)
      B2B_TRY(part.refuse_names());
    for (int round = 1;; ++round) {
      phase("downloading");
      B2B_TRY(stage_all(fetcher));
      if (!in_place()) return {};
      bool const databases = changes_databases();
      if (databases) B2B_TRY(check_staged());
      // Before the gateway is stopped: a push that its stop sets off would otherwise come first, and upload while the agent is down.
      if (!data_lock_) {
        phase("waiting for another job");
        auto held = DataLock::wait(target_, "restore", *context_.clock, lock_patience, context_.stop);
        if (!held) return held.error();
        data_lock_.emplace(std::move(*held));
      }
      if (databases) B2B_TRY(stop_gateway());
      if (databases && !fence_) {
        auto raised = raise_fence(context_);
        if (!raised) return raised.error();
        fence_.emplace(std::move(*raised));
      }
      phase("comparing again");
      std::uint64_t missing = 0;
      for (RestorePart& part : parts_) {
        B2B_ASSIGN(std::uint64_t const of_part, part.compare_again());
        missing += of_part;
      }
      // A database that changed meanwhile needs the fence up before it is looked at.
      bool const unfenced = changes_databases() && !fence_;
      if (missing == 0 && !unfenced) return confirm();
      if (!stopped_gateway_) data_lock_.reset();
      if (round == rounds_at_most)
        return make_error(
            Condition::changed,
            "the state directory " + target_ + " changes faster than it can be restored: " +
                count_of(missing, "file", "files") + " changed again while the restore was under way",
            "Stop what writes there (is an agent running?) and restore again. Nothing was changed",
            target_);
    }
  }

  // A root of which nothing can be fetched does not keep the others from being restored.
  Result<void> stage_all(BodyFetcher& fetcher) {
    for (auto part = parts_.begin(); part != parts_.end();) {
      auto staged = part->stage(fetcher);
      if (staged) {
        ++part;
        continue;
      }
      Condition const condition = staged.error().condition;
      bool const all = part->label().empty() || condition == Condition::cancelled || condition == Condition::no_space ||
                       condition == Condition::unreachable || condition == Condition::throttled;
      if (all) return staged;
      report_.failed.push_back({part->label(), "not restored: " + staged.error().message});
      B2B_TRY(part->clear());
      part = parts_.erase(part);
    }
    return {};
  }

  Result<void> check_staged() {
    if (!options_.check_staged || std::exchange(checked_staged_, true)) return {};
    phase("checking databases");
    for (RestorePart& part : parts_)
      B2B_TRY(check_staged_databases(part.site(), part.plan_store(), options_.check_staged, report_.notes));
    return {};
  }

  Result<void> stop_gateway() {
    if (!options_.stop_gateway || stopped_gateway_) return {};
    stopped_gateway_ = true;
    gateway_ran_ = gateway_of_ours_runs(context_);
    phase("stopping the gateway");
    return options_.stop_gateway();
  }

  Result<void> take_safety(CommitRules& rules) {
    if (!in_place() || sum(&PlanTotals::overwritten) == 0) return {};
    if (!options_.safety) rules.may_be_dropped = [](std::string_view) { return true; };
    if (!options_.safety) return {};
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
    B2B_ASSIGN(rules.may_be_dropped, held_by_safety(context_, *taken));
    return {};
  }

  Result<void> keep_this_machines() {
    if (!in_place()) return {};
    phase("keeping this machine's credentials");
    MachineRules rules;
    rules.scratch = scratch_;
    rules.as_root = as_root();
    rules.prefer_snapshot = options_.with_secrets;
    if (fence_) {
      B2B_ASSIGN(auto const used, sign_of_use(target_, context_.stop));
      rules.fresh = !used;
    }
    for (RestorePart& part : parts_) {
      rules.config_path = part.label().empty() ? config_in_tree(context_, part.site()) : std::string();
      B2B_ASSIGN(auto const notes, keep_what_is_this_machines(context_, part.site(), part.plan_store(), part.catalog(), rules));
      report_.notes.insert(report_.notes.end(), notes.begin(), notes.end());
    }
    return {};
  }

  static bool as_root() { return ::geteuid() == 0; }
  void phase(char const* name) { context_.progress->phase = name; }

  EngineContext& context_;
  RestoreOptions const& options_;
  std::string const target_;
  bool const in_place_;
  RestoreSite site_;                   // until it is the main part's
  std::string const scratch_;
  std::optional<SnapshotUse> use_;
  std::optional<SnapshotUse> use_of_others_;  // while a plugin's snapshot is restored
  std::optional<LoadedSnapshot> snapshot_;
  RestoreReport report_;
  std::list<RestorePart> parts_;       // staging folders know where their part is, so none moves
  std::optional<DataLock> data_lock_;  // from the last comparison, or the stop of the gateway, to the end of the swap
  std::optional<GatewayFence> fence_;  // the same, when databases change
  bool checked_staged_ = false;
  bool stopped_gateway_ = false;
  bool gateway_ran_ = false;
};

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
      context.progress->phase = "waiting for another job";
      B2B_ASSIGN(DataLock const lock, DataLock::wait(site.target, "restore", *context.clock, first_patience, context.stop));
      B2B_ASSIGN(recovered, recover_restores(context));
    } else {
      B2B_ASSIGN(recovered, recover_site(site));
    }
  }
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  auto report = RestoreJob(context, options, std::move(site), scratch.path()).run();
  if (!report) return report;
  if (report->safety) {
    restore_lock.reset();
    if (std::string note = send_safety(context, *report->safety); !note.empty()) report->notes.push_back(std::move(note));
  }
  report->notes.insert(report->notes.begin(), recovered.begin(), recovered.end());
  return report;
}

}  // namespace b2b
