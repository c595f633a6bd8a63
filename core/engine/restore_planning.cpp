#include "core/engine/restore_planning.h"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "core/capture/capture.h"
#include "core/capture/scan.h"
#include "core/engine/objects.h"
#include "core/engine/restore_confirm.h"
#include "core/engine/restore_target.h"
#include "core/engine/roots.h"
#include "core/util/encoding.h"
#include "core/util/path.h"

namespace b2b {
namespace {

constexpr std::int64_t settled_margin_ns =
    2'000'000'000;  // DESIGN rule 1: a clock's grain may hide a second change

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
        info_(input.info),
        catalog_(input.catalog),
        label_(input.label),
        paths_(input.paths),
        everything_(input.everything),
        scratch_(input.scratch),
        before_(before),
        plan_(plan) {}

  Result<void> run() {
    PlanRules rules;
    rules.in_place = is_state_directory();
    rules.as_root = ::geteuid() == 0;
    if (is_state_directory())
      for (SnapshotRoot const& root : info_.roots) rules.elsewhere.push_back(root.label);
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
    LiveTarget live(context_, tree, scratch_, name_max, site_.in_place());
    PlannedTarget target(live, before_);
    auto const take = [&](PlanItem&& item) -> Result<void> {
      count_item(plan_.totals, item);
      if (item.action == PlanAction::refused)
        plan_.refused.push_back({item.path, "refused: " + item.problem});
      if (item.damaged && item.action == PlanAction::write_file && database_of_sidecar(item.path).empty())
        plan_.notes.push_back(printable(item.path) +
                              " was a damaged database already when the snapshot was taken, and comes back as that: "
                              "restore it from an older snapshot if you need it whole");
      return plan_.store.put(item);
    };
    B2B_TRY(plan_restore(catalog_, target, rules, take, context_.stop));
    if (site_.in_place()) B2B_TRY(plan_in_place(target, take));
    return {};
  }

 private:
  Result<Scope> snapshot_scope() const {
    if (!info_.ours) return Scope::seed();
    return Scope::parse(info_.scope);
  }

  // What an in-place restore has on top: is it a state directory at all, and what should not be there?
  Result<void> plan_in_place(TargetView& target, PlanVisit const& take) {
    B2B_ASSIGN(Scope const scope, snapshot_scope());
    if (is_state_directory()) B2B_TRY(check_it_fits(scope));
    if (!everything_ || !site_.tree) return {};
    if (info_.skipped_total > info_.skipped.size()) {
      plan_.notes.push_back("files that the snapshot does not hold stay where they are: it could not take " +
                            count_of(info_.skipped_total, "file", "files") + ", and does not name them all");
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
      entry.entry.path = in_site(entry.entry.path);
      if (entry.entry.path == ".") return;
      auto const put = present.put(entry);
      if (!put && !failure) failure = put.error();
    };
    callbacks.skip = [&](Skip&& skip) { unreadable += skip.reason == SkipReason::unreadable ? 1 : 0; };
    B2B_TRY(scan({site_root()}, scope, 4, callbacks, context_.stop));
    if (failure) return *failure;
    if (unreadable > 0)
      plan_.notes.push_back(count_of(unreadable, "place", "places") +
                            " in " + site_.target + " cannot be read; what the snapshot does not hold stays there");
    RemovalRules rules;
    rules.scope = &scope;
    rules.label = label_;
    rules.files_only = !info_.ours;
    for (auto const& [path, reason] : info_.skipped)
      if (is_at_or_below(path, label_)) rules.skipped.push_back(in_site(path));
    std::string const config_path = config_in_tree(context_, site_);
    auto const take_removal = [&](PlanItem&& item) -> Result<void> {
      if (item.action == PlanAction::move_away && item.path == config_path) {
        plan_.notes.push_back("the snapshot does not hold " + printable(item.path) + ": the present one stays");
        return {};
      }
      return take(std::move(item));
    };
    return plan_removals(present, catalog_, target, rules, take_removal, context_.stop);
  }

  // A set of files with labels before their paths ("data/openclaw.json") would end up beside the real ones.
  Result<void> check_it_fits(Scope const& scope) {
    bool fits = false;
    bool any = false;
    std::string example;
    std::string after;
    for (bool from_start = true; !fits; from_start = false) {
      B2B_ASSIGN(auto const batch, catalog_.batch_after(after, 256, from_start));
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

  // As it was scanned when the snapshot was taken.
  Root site_root() const {
    if (label_.empty()) return Root{label_, site_.target};
    return Root{label_, site_.target, not_of_a_root(context_.config)};
  }
  // A path of the snapshot, without the label.
  std::string in_site(std::string_view path) const {
    if (label_.empty()) return std::string(path);
    return path == label_ ? std::string(".") : std::string(path.substr(label_.size() + 1));
  }

  bool is_state_directory() const { return site_.kind == RestoreSite::Kind::in_place; }
  std::string const& id() const { return info_.id.text; }

  EngineContext& context_;
  RestoreSite const& site_;
  SnapshotInfo const& info_;
  Catalog& catalog_;
  std::string const& label_;
  std::vector<std::string> const& paths_;
  bool const everything_;
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

Result<void> name_missing_paths(Catalog& snapshot, SnapshotId const& id, std::vector<std::string> const& paths,
                                std::vector<RestoreFailure>& failed) {
  std::vector<Glob> missing;
  for (std::string const& text : paths) {
    B2B_ASSIGN(Glob glob, Glob::parse(text));
    missing.push_back(std::move(glob));
  }
  if (missing.empty()) return {};
  B2B_TRY(snapshot.for_each([&](CatalogEntry&& entry) -> Result<void> {
    bool const directory = entry.entry.type == EntryType::directory;
    std::erase_if(missing, [&](Glob const& glob) { return glob.covers(entry.entry.path, directory); });
    return {};
  }));
  for (Glob const& glob : missing) {
    std::string const what = "snapshot " + id.text + " holds nothing that --path " + printable(glob.text()) + " matches";
    if (missing.size() == paths.size())
      return make_error(Condition::not_found, what, "Patterns are relative to the state directory, like 'workspace/**'. What there is: daemonctl ls " + id.text, glob.text());
    failed.push_back({glob.text(), what});
  }
  return {};
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
