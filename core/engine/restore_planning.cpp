#include "core/engine/restore_planning.h"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "core/capture/capture.h"
#include "core/capture/scan.h"
#include "core/engine/objects.h"
#include "core/engine/restore_target.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::int64_t settled_margin_ns =
    2'000'000'000;  // DESIGN rule 1: a clock's grain may hide a second change

std::string count_of(std::uint64_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

bool is_held(PlanAction action) {
  return action == PlanAction::unchanged || action == PlanAction::set_metadata;
}

bool same_node(NodeStatus const& a, NodeStatus const& b) {
  return a.type == b.type && a.inode == b.inode && a.mount == b.mount && a.size == b.size &&
         a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

// The target, with what an earlier plan found out about the contents of files that did not change since.
class PlannedTarget final : public TargetView {
 public:
  PlannedTarget(LiveTarget& live, RestorePlan* before) : live_(live), before_(before) {}

  Result<std::optional<NodeStatus>> status(std::string_view path) override { return live_.status(path); }
  Result<std::string> link_target(std::string_view path) override { return live_.link_target(path); }
  Result<bool> has_database(std::string_view path, NodeStatus const& existing) override {
    return live_.has_database(path, existing);
  }
  std::uint64_t name_max() const override { return live_.name_max(); }

  Result<bool> holds(CatalogEntry const& entry, NodeStatus const& existing) override {
    if (before_ != nullptr && !entry.entry.database && settled(existing)) {
      B2B_ASSIGN(auto const row, before_->store.find(entry.entry.path));
      B2B_ASSIGN(auto const wal, live_.status(entry.entry.path + "-wal"));
      if (row && row->item.existing && same_node(*row->item.existing, existing) && !wal) {
        if (is_held(row->item.action)) return true;
        if (row->item.action == PlanAction::write_file) return false;
      }
    }
    return live_.holds(entry, existing);
  }

 private:
  bool settled(NodeStatus const& existing) const {
    return std::max(existing.mtime_ns, existing.ctime_ns) < before_->began_ns - settled_margin_ns;
  }

  LiveTarget& live_;
  RestorePlan* const before_;
};

class Planning {
 public:
  Planning(PlanningInput const& input, RestorePlan* before, RestorePlan& plan)
      : context_(input.context),
        site_(input.site),
        snapshot_(input.snapshot),
        paths_(input.paths),
        scratch_(input.scratch),
        before_(before),
        plan_(plan) {}

  Result<void> run() {
    PlanRules rules;
    rules.in_place = in_place();
    rules.as_root = ::geteuid() == 0;
    if (in_place())
      for (SnapshotRoot const& root : snapshot_.manifest.info.roots) rules.elsewhere.push_back(root.label);
    for (std::string const& text : paths_) {
      B2B_ASSIGN(Glob glob, Glob::parse(text));
      rules.paths.push_back(std::move(glob));
    }
    std::uint64_t name_max = 255;
    if (site_.tree) {
      B2B_ASSIGN(auto const file_system, site_.tree->file_system({}));
      name_max = file_system.name_max;
    }
    TargetTree const* const tree =
        site_.tree && site_.kind != RestoreSite::Kind::fresh ? &*site_.tree : nullptr;
    LiveTarget live(context_, tree, scratch_, name_max, in_place());
    PlannedTarget target(live, before_);
    std::vector<bool> matched(rules.paths.size(), false);
    auto const take = [&](PlanItem&& item) -> Result<void> {
      for (std::size_t i = 0; i < matched.size(); ++i)
        matched[i] = matched[i] || rules.paths[i].covers(item.path, item.action == PlanAction::make_directory);
      count_item(plan_.totals, item);
      if (item.action == PlanAction::refused)
        plan_.refused.push_back({item.path, "refused: " + item.problem});
      if (item.damaged && item.action == PlanAction::write_file && database_of_sidecar(item.path).empty())
        plan_.notes.push_back(printable(item.path) +
                              " was a damaged database already when the snapshot was taken, and comes back as that: "
                              "restore it from an older snapshot if you need it whole");
      return plan_.store.put(item);
    };
    B2B_TRY(plan_restore(snapshot_.catalog, target, rules, take, context_.stop));
    B2B_TRY(name_what_is_not_there(matched));
    if (in_place()) B2B_TRY(plan_in_place(target, take));
    return {};
  }

 private:
  Result<Scope> snapshot_scope() const {
    SnapshotInfo const& info = snapshot_.manifest.info;
    if (!info.ours) return Scope::seed();
    return Scope::parse(info.scope);
  }

  // All of what was asked for is missing: nothing is restored. Some of it: the rest is, and the report says so.
  Result<void> name_what_is_not_there(std::vector<bool> const& matched) {
    bool const any = std::find(matched.begin(), matched.end(), true) != matched.end();
    for (std::size_t i = 0; i < matched.size(); ++i) {
      if (matched[i]) continue;
      std::string const what = "snapshot " + id() + " holds nothing that --path " + printable(paths_[i]) + " matches";
      if (!any) return make_error(Condition::not_found, what, "daemonctl ls " + id() + " shows what it holds", paths_[i]);
      plan_.refused.push_back({paths_[i], what});
    }
    return {};
  }

  // What an in-place restore has on top: is it a state directory at all, and what should not be there?
  Result<void> plan_in_place(TargetView& target, PlanVisit const& take) {
    B2B_ASSIGN(Scope const scope, snapshot_scope());
    B2B_TRY(check_it_fits(scope));
    if (!paths_.empty() || !site_.tree) return {};
    SnapshotInfo const& info = snapshot_.manifest.info;
    if (info.skipped_total > info.skipped.size()) {
      plan_.notes.push_back("files that the snapshot does not hold stay where they are: it could not take " +
                            count_of(info.skipped_total, "file", "files") + ", and does not name them all");
      return {};
    }
    std::string const present_path = scratch_file(scratch_, "present");
    B2B_ASSIGN(Catalog present, Catalog::create(present_path));
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
      plan_.notes.push_back(count_of(unreadable, "place", "places") +
                            " in the state directory cannot be read; what the snapshot "
                            "does not hold stays there");
    RemovalRules rules;
    rules.scope = &scope;
    rules.files_only = !info.ours;
    for (auto const& [path, reason] : info.skipped)
      rules.skipped.push_back(path);
    std::string const config_path = config_in_tree(context_, site_);
    auto const take_removal = [&](PlanItem&& item) -> Result<void> {
      if (item.action == PlanAction::move_away && item.path == config_path) {
        plan_.notes.push_back("the snapshot does not hold " + printable(item.path) + ": the present one stays");
        return {};
      }
      return take(std::move(item));
    };
    return plan_removals(present, snapshot_.catalog, target, rules, take_removal, context_.stop);
  }

  // A set of files with labels before their paths ("data/openclaw.json") would end up beside the real ones.
  Result<void> check_it_fits(Scope const& scope) {
    bool fits = false;
    bool any = false;
    std::string example;
    std::string after;
    for (bool from_start = true; !fits; from_start = false) {
      B2B_ASSIGN(auto const batch, snapshot_.catalog.batch_after(after, 256, from_start));
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
                      "snapshot " + id() +
                          " does not look like a state directory: none of its files (such as " +
                          printable(example) + ") has its place in one",
                      "Restore it to another directory with --target DIR", id());
  }

  bool in_place() const { return site_.kind == RestoreSite::Kind::in_place; }
  std::string const& id() const { return snapshot_.manifest.info.id.text; }

  EngineContext& context_;
  RestoreSite const& site_;
  LoadedSnapshot& snapshot_;
  std::vector<std::string> const& paths_;
  std::string const& scratch_;
  RestorePlan* const before_;
  RestorePlan& plan_;
};

// Was it staged as a hard link to a file of the target that is no longer as it was then?
Result<bool> linked_to_what_changed(PlanStore& before, PlanStore& now, Catalog& snapshot,
                                    std::string const& path) {
  B2B_ASSIGN(auto const entry, snapshot.find(path));
  if (!entry || entry->entry.hard_link_of.empty()) return false;
  B2B_ASSIGN(auto const then, before.find(entry->entry.hard_link_of));
  if (!then || !is_held(then->item.action)) return false;
  B2B_ASSIGN(auto const later, now.find(entry->entry.hard_link_of));
  return !later || !is_held(later->item.action);
}

}  // namespace

Result<RestorePlan> make_restore_plan(PlanningInput const& input, RestorePlan* before) {
  std::int64_t const began_ns = input.context.clock->now().time_since_epoch().count();
  B2B_ASSIGN(PlanStore store, PlanStore::create(scratch_file(input.scratch, "plan"),
                                                before ? before->store.next_number() : 1));
  RestorePlan plan{std::move(store), {}, began_ns, {}, {}};
  B2B_TRY(Planning(input, before, plan).run());
  return plan;
}

Result<void> carry_staged(PlanStore& before, PlanStore& now, Catalog& snapshot) {
  return before.for_each(
      {PlanAction::write_file, PlanAction::make_symlink}, PlanStore::Order::ascending,
      [&](PlanRow&& row) -> Result<void> {
        if (!row.staged) return {};
        B2B_ASSIGN(auto const wanted, now.find(row.item.path));
        if (!wanted || wanted->item.action != row.item.action || wanted->item.mount_top != row.item.mount_top)
          return {};
        B2B_ASSIGN(bool const spoilt, linked_to_what_changed(before, now, snapshot, row.item.path));
        if (spoilt) return {};
        return now.take_staged(row);
      });
}

Result<std::uint64_t> count_unstaged(PlanStore& plan, std::vector<RestoreFailure> const& failed) {
  std::set<std::string_view> known;
  for (RestoreFailure const& failure : failed)
    known.insert(failure.path);
  std::uint64_t count = 0;
  B2B_TRY(plan.for_each({PlanAction::write_file, PlanAction::make_symlink}, PlanStore::Order::ascending,
                        [&](PlanRow&& row) -> Result<void> {
                          if (!row.staged && !known.contains(row.item.path)) ++count;
                          return {};
                        }));
  return count;
}

}  // namespace b2b
