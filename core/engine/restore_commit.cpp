#include "core/engine/restore_commit.h"

#include <map>
#include <set>

#include "core/engine/restore_target.h"
#include "core/engine/roots.h"
#include "core/util/file.h"

namespace b2b {
namespace {

using Kind = SwapOperation::Kind;
using Order = PlanStore::Order;

constexpr std::string_view sidecar_suffixes[] = {"-wal", "-shm", "-journal"};

NodeMetadata metadata_now(NodeStatus const& status, bool as_root) {
  NodeMetadata out;
  out.mode = status.mode;
  out.mtime_ns = status.mtime_ns;
  if (as_root) {
    out.uid = status.uid;
    out.gid = status.gid;
  }
  return out;
}

bool same_file(NodeStatus const& a, NodeStatus const& b) {
  return a.type == b.type && a.inode == b.inode && a.size == b.size && a.mtime_ns == b.mtime_ns;
}

class OperationMaker {
 public:
  OperationMaker(RestoreSite const& site, PlanStore& plan, Catalog& snapshot, CommitRules const& rules,
                 OperationSink const& sink)
      : site_(site), tree_(*site.tree), plan_(plan), snapshot_(snapshot), rules_(rules), sink_(sink) {}

  Result<CommitReport> run() {
    B2B_TRY(remember_directories());
    B2B_TRY(take_config_away());
    B2B_TRY(move_out());
    B2B_TRY(make_directories());
    B2B_TRY(place_files());
    B2B_TRY(set_file_metadata());
    B2B_TRY(remove_directories());
    B2B_TRY(set_directory_metadata(false));
    B2B_TRY(publish_kept());
    B2B_TRY(put_config_back());
    B2B_TRY(set_directory_metadata(true));
    return std::move(report_);
  }

 private:
  Result<void> add(SwapOperation const& operation) { return sink_(operation); }

  // Where something that is there goes to be kept; the folders on the way are made now.
  Result<std::string> kept_path(PlanItem const& item, std::string_view path) {
    std::string const keep = join_path(site_.folder(item.mount_top), "keep");
    kept_on_.insert(item.mount_top);
    std::string const parent = parent_path(path);
    if (!parent.empty() && parent != last_kept_parent_) {
      for (std::size_t end = 0; end != parent.size();) {
        end = std::min(parent.find('/', end + 1), parent.size());
        B2B_TRY(tree_.make_directory(join_path(keep, std::string_view(parent).substr(0, end)), 0700));
      }
      last_kept_parent_ = parent;
    }
    return join_path(keep, path);
  }

  Result<void> move_to_kept(PlanItem const& item, std::string const& path) {
    B2B_ASSIGN(std::string const kept, kept_path(item, path));
    SwapOperation move;
    move.kind = Kind::move;
    move.path = site_.in_tree(path);
    move.other = kept;
    return add(move);
  }

  // First, so that undoing ends with it: what directories are like now. Those of ours that we may not write
  // to get that right for the swap; the recorded mode is set at the end.
  Result<void> remember_directories() {
    return plan_.for_each({PlanAction::keep_directory}, Order::ascending, [&](PlanRow&& row) -> Result<void> {
      SwapOperation remember;
      remember.kind = Kind::metadata;
      remember.path = site_.in_tree(row.item.path);
      remember.before = metadata_now(*row.item.existing, rules_.as_root);
      std::uint32_t const mode = row.item.existing->mode;
      if (!rules_.as_root && (mode & 0300U) != 0300U) {
        B2B_ASSIGN(bool const touched, anything_below(row.item.path));
        if (touched) {
          remember.after.mode = mode | 0700U;
          opened_.insert(row.item.path);
        }
      }
      return add(remember);
    });
  }

  Result<bool> anything_below(std::string const& directory) {
    for (PlanAction const action : {PlanAction::write_file, PlanAction::make_symlink,
                                    PlanAction::make_directory, PlanAction::move_away}) {
      B2B_ASSIGN(auto const rows, plan_.batch(action, directory + "/", false));
      if (!rows.empty() && rows.front().item.path.starts_with(directory + "/")) return true;
    }
    return false;
  }

  // The staging folder on the file system of something that is there; empty: none.
  Result<std::string> folder_beside(std::string_view path, NodeStatus const& there) const {
    for (auto folder = site_.folders.rbegin(); folder != site_.folders.rend(); ++folder) {
      auto const& [top, staging] = *folder;
      if (!top.empty() && !path.starts_with(top + "/")) continue;
      B2B_ASSIGN(auto const status, tree_.status(staging));
      if (status && status->mount == there.mount) return staging;
    }
    return std::string();
  }

  // Without it no gateway starts. One that is no file, or a mount of its own, stays where it is.
  Result<void> take_config_away() {
    if (rules_.config_path.empty()) return {};
    B2B_ASSIGN(config_row_, plan_.find(rules_.config_path));
    config_is_placed_ = config_row_ && config_row_->staged;
    std::string const path = site_.in_tree(rules_.config_path);
    B2B_ASSIGN(auto const there, tree_.status(path));
    if (!there || there->type == NodeType::directory) return {};
    SwapOperation away;
    away.kind = Kind::move;
    away.path = path;
    if (config_is_placed_) {
      SwapOperation place;
      place.path = path;
      B2B_TRY(keep_what_is_there(*config_row_, place));
      if (place.kept.empty()) return {};
      away.other = place.kept;
    } else {
      B2B_ASSIGN(std::string const folder, folder_beside(path, *there));
      if (folder.empty()) return {};
      config_aside_ = away.other = join_path(folder, "config");
    }
    return add(away);
  }

  Result<void> put_config_back() {
    SwapOperation place;
    place.kind = Kind::place;
    place.path = site_.in_tree(rules_.config_path);
    if (config_is_placed_) {
      place.other = site_.staged(*config_row_);
      ++report_.restored;
      return add(place);
    }
    if (config_aside_.empty()) return {};
    place.other = config_aside_;
    B2B_TRY(add(place));
    if (config_row_ && config_row_->item.action == PlanAction::set_metadata) return set_metadata_of(*config_row_);
    return {};
  }

  bool is_config(PlanRow const& row) const {
    return !rules_.config_path.empty() && row.item.path == rules_.config_path;
  }

  // What is in the way as another kind of thing, and what the snapshot does not hold.
  Result<void> move_out() {
    return plan_.for_each(
        {PlanAction::write_file, PlanAction::make_symlink, PlanAction::make_directory, PlanAction::move_away},
        Order::ascending, [&](PlanRow&& row) -> Result<void> {
          bool const away = row.item.action == PlanAction::move_away;
          bool const written = row.staged || row.item.action == PlanAction::make_directory;
          if (!away && !(row.item.displaces && written)) return {};
          B2B_TRY(move_to_kept(row.item, row.item.path));
          if (row.item.action == PlanAction::make_directory) displaced_.insert(row.item.path);
          if (!away) return {};
          ++report_.moved_away;
          return row.item.touches_database ? move_sidecars(row.item) : Result<void>();
        });
  }

  // Below something that is no directory now (a symbolic link, say) and has made room for one by then: whatever
  // is found through it is not what will be there.
  bool is_below_displaced(std::string const& path) const {
    if (displaced_.empty()) return false;
    for (std::string above = parent_path(path); !above.empty(); above = parent_path(above))
      if (displaced_.contains(above)) return true;
    return false;
  }

  // Of a database that goes or comes: an old "-wal" would be replayed into whatever has its name.
  Result<void> move_sidecars(PlanItem const& item) {
    if (is_below_displaced(item.path)) return {};
    for (std::string_view const suffix : sidecar_suffixes) {
      std::string const path = item.path + std::string(suffix);
      B2B_ASSIGN(auto const there, tree_.status(site_.in_tree(path)));
      if (!there || there->type == NodeType::directory) continue;
      // One that is restored itself (with a database that was kept raw) is replaced like any other file, and
      // one that goes is going.
      B2B_ASSIGN(auto const planned, plan_.find(path));
      if (planned &&
          (planned->staged || planned->item.action == PlanAction::move_away ||
           planned->item.action == PlanAction::unchanged || planned->item.action == PlanAction::set_metadata))
        continue;
      B2B_TRY(move_to_kept(item, path));
    }
    return {};
  }

  Result<void> make_directories() {
    return plan_.for_each({PlanAction::make_directory}, Order::ascending, [&](PlanRow&& row) -> Result<void> {
      SwapOperation make;
      make.kind = Kind::make_directory;
      make.path = site_.in_tree(row.item.path);
      return add(make);
    });
  }

  Result<void> place_files() {
    return plan_.for_each({PlanAction::write_file, PlanAction::make_symlink}, Order::ascending,
                          [&](PlanRow&& row) -> Result<void> {
                            if (!row.staged || is_config(row)) return {};
                            if (row.staged_database) B2B_TRY(move_sidecars(row.item));
                            SwapOperation place;
                            place.kind = Kind::place;
                            place.path = site_.in_tree(row.item.path);
                            place.other = site_.staged(row);
                            B2B_TRY(keep_what_is_there(row, place));
                            ++report_.restored;
                            return add(place);
                          });
  }

  Result<void> keep_what_is_there(PlanRow const& row, SwapOperation& place) {
    if (row.item.displaces || site_.kind == RestoreSite::Kind::fresh || is_below_displaced(row.item.path)) return {};
    B2B_ASSIGN(auto const there, tree_.status(place.path));
    if (!there) return {};
    bool const as_planned = row.item.existing && same_file(*row.item.existing, *there);
    if (there->type == NodeType::directory) return in_the_way(place.path, "a directory");
    if (!as_planned && site_.in_place() && there->type == NodeType::file) {
      auto const fd = tree_.open_file(place.path);
      if (fd && begins_like_a_database(fd->get())) return in_the_way(place.path, "a database");
    }
    bool const drop = site_.in_place() && as_planned && !row.item.touches_database &&
                      rules_.may_be_dropped && rules_.may_be_dropped(row.item.path);
    if (drop) {
      place.kept = join_path(site_.folder(row.item.mount_top), "old/" + std::to_string(row.number));
      return {};
    }
    B2B_ASSIGN(place.kept, kept_path(row.item, row.item.path));
    return {};
  }

  Error in_the_way(std::string const& path, std::string_view what) const {
    return make_error(
        Condition::changed,
        std::string(what) + " appeared at " + tree_.absolute(path) + " while the restore was under way",
        "Stop what writes there (is an agent running?) and restore again. Nothing was changed", path);
  }

  Result<void> set_file_metadata() {
    return plan_.for_each({PlanAction::set_metadata}, Order::ascending, [&](PlanRow&& row) -> Result<void> {
      if (is_config(row) && !config_aside_.empty()) return {};
      return set_metadata_of(row);
    });
  }

  Result<void> set_metadata_of(PlanRow const& row) {
    B2B_ASSIGN(auto const entry, snapshot_.find(row.item.path));
    B2B_ASSIGN(auto const there, tree_.status(site_.in_tree(row.item.path)));
    if (!entry || !there || !same_file(*row.item.existing, *there))
      return make_error(Condition::changed, tree_.absolute(row.item.path) + " was changed while the restore was under way",
                        "Stop what writes there (is an agent running?) and restore again. Nothing was changed",
                        row.item.path);
    SwapOperation set;
    set.kind = Kind::metadata;
    set.path = site_.in_tree(row.item.path);
    set.before = metadata_now(*there, rules_.as_root);
    set.after = metadata_of(entry->entry, rules_.as_root);
    if (entry->entry.database) set.before.mtime_ns = set.after.mtime_ns = std::nullopt;
    ++report_.restored;
    return add(set);
  }

  Result<void> remove_directories() {
    return plan_.for_each({PlanAction::remove_directory}, Order::descending,
                          [&](PlanRow&& row) -> Result<void> {
                            if (row.item.only_if_emptied) {
                              B2B_ASSIGN(bool const emptied, plan_.moves_anything_below(row.item.path));
                              if (!emptied) return {};
                            }
                            SwapOperation remove;
                            remove.kind = Kind::remove_directory;
                            remove.path = site_.in_tree(row.item.path);
                            remove.before = metadata_now(*row.item.existing, rules_.as_root);
                            return add(remove);
                          });
  }

  // The folders with what was there get their lasting names.
  Result<void> publish_kept() {
    for (std::string const& mount_top : kept_on_) {
      bool const in_place = site_.in_place();
      std::string const folder = site_.folder(mount_top);
      bool const in_own_folder = in_place && !base_name(folder).starts_with(".");
      std::string const stem =
          in_own_folder
              ? join_path(parent_path(folder), "quarantine-" + rules_.stamp)
              : join_path(mount_top,
                          (in_place ? ".b2backupd-quarantine-" : ".b2backupd-replaced-") + rules_.stamp);
      std::string name = stem;
      for (int again = 2;; ++again) {
        B2B_ASSIGN(auto const taken, tree_.status(name));
        if (!taken) break;
        name = stem + "-" + std::to_string(again);
      }
      SwapOperation publish;
      publish.kind = Kind::publish;
      publish.path = join_path(folder, "keep");
      publish.other = name;
      report_.kept_in.push_back(tree_.absolute(name));
      B2B_TRY(add(publish));
    }
    return {};
  }

  // Late, deepest first: whatever happens in a directory changes its time, and its mode may shut us out. Those above
  // openclaw.json come after it.
  Result<void> set_directory_metadata(bool above_config) {
    return plan_.for_each({PlanAction::make_directory, PlanAction::keep_directory}, Order::descending,
                          [&](PlanRow&& row) -> Result<void> {
                            if (rules_.config_path.starts_with(row.item.path + "/") != above_config) return {};
                            B2B_ASSIGN(auto const entry, snapshot_.find(row.item.path));
                            bool const recorded = entry && entry->entry.type == EntryType::directory &&
                                                  entry->entry.has_metadata;
                            SwapOperation set;
                            set.kind = Kind::metadata;
                            set.path = site_.in_tree(row.item.path);
                            bool const kept = row.item.action == PlanAction::keep_directory;
                            if (kept) set.before = metadata_now(*row.item.existing, rules_.as_root);
                            if (recorded) {
                              set.after = metadata_of(entry->entry, rules_.as_root);
                            } else if (kept && opened_.contains(row.item.path)) {
                              set.after.mode = row.item.existing->mode;
                            } else {
                              return {};
                            }
                            // The mode it was opened with is undone by the first operation.
                            if (opened_.contains(row.item.path))
                              set.before.mode = row.item.existing->mode | 0700U;
                            return add(set);
                          });
  }

  RestoreSite const& site_;
  TargetTree const& tree_;
  PlanStore& plan_;
  Catalog& snapshot_;
  CommitRules const& rules_;
  OperationSink const& sink_;
  CommitReport report_;
  std::set<std::string> kept_on_;
  std::set<std::string> opened_;  // directories that we gave ourselves the right to: few
  std::set<std::string, std::less<>> displaced_;  // other things that make room for directories
  std::string last_kept_parent_;
  std::optional<PlanRow> config_row_;
  bool config_is_placed_ = false;  // from the staged files
  std::string config_aside_;       // where it waits meanwhile, when it is not
};

}  // namespace

Result<CommitReport> make_operations(RestoreSite const& site, PlanStore& plan, Catalog& snapshot,
                                     CommitRules const& rules, OperationSink const& sink) {
  return OperationMaker(site, plan, snapshot, rules, sink).run();
}

Result<std::function<bool(std::string_view path)>> held_by_safety(EngineContext const& context, SafetyReport const& taken) {
  std::set<std::string, std::less<>> skipped;
  for (Skip const& skip : taken.skipped)
    skipped.insert(skip.path);
  B2B_ASSIGN(Scope scope, scope_of(context.config));
  return std::function<bool(std::string_view)>(
      [scope = std::move(scope), skipped = std::move(skipped)](std::string_view path) {
        if (!scope.takes(path, false)) return false;
        for (std::string above(path); !above.empty(); above = parent_path(above))
          if (skipped.contains(above)) return false;
        return !skipped.contains(".");
      });
}

}  // namespace b2b
