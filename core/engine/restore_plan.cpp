#include "core/engine/restore_plan.h"

#include <algorithm>

#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/path.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;

bool selected(PlanRules const& rules, std::string_view path, bool is_directory) {
  if (std::any_of(rules.elsewhere.begin(), rules.elsewhere.end(),
                  [&](std::string const& label) { return is_at_or_below(path, label); }))
    return false;
  if (rules.paths.empty()) return true;
  return std::any_of(rules.paths.begin(), rules.paths.end(),
                     [&](Glob const& glob) { return glob.covers(path, is_directory); });
}

bool named_like_a_database(std::string_view path) {
  return path.ends_with(".sqlite") || path.ends_with(".sqlite3") || path.ends_with(".db");
}

// The directories above the path that is being planned. Paths come in byte order, in which all paths below a
// directory are contiguous, so each directory is entered once.
class Ancestors {
 public:
  struct Level {
    std::string path;
    bool there = false;   // a directory of the target; false: it will have to be made
    std::string blocked;  // why nothing can be written below it
    std::uint64_t mount = 0;
    std::string mount_top;
  };
  struct Judged {
    Level level;
    std::optional<NodeStatus> existing;
    bool displaces = false;
  };
  // Called for a directory that must be made although it is no selected entry.
  using Implied = std::function<Result<void>(Judged const&)>;

  Ancestors(Catalog& snapshot, TargetView& target, PlanRules const& rules)
      : snapshot_(snapshot), target_(target), rules_(rules) {}

  Result<void> begin() {
    Level root;
    B2B_ASSIGN(auto const existing, target_.status({}));
    root.there = existing.has_value();
    if (existing) root.mount = existing->mount;
    levels_.assign(1, root);
    return {};
  }

  // The directory that `path` lies in.
  Result<Level const*> enter(std::string_view path, Implied const& implied) {
    while (levels_.size() > 1 && !path.starts_with(levels_.back().path + "/"))
      levels_.pop_back();
    for (;;) {
      std::size_t const below = levels_.back().path.empty() ? 0 : levels_.back().path.size() + 1;
      auto const slash = path.find('/', below);
      if (slash == std::string_view::npos) return &levels_.back();
      std::string const directory(path.substr(0, slash));
      B2B_ASSIGN(auto const entry, snapshot_.find(directory));
      B2B_ASSIGN(Judged judged, judge(directory, levels_.back(), entry));
      bool const own_item =
          entry && entry->entry.type == EntryType::directory && selected(rules_, directory, true);
      if (!own_item && implied && !judged.level.there && judged.level.blocked.empty())
        B2B_TRY(implied(judged));
      levels_.push_back(std::move(judged.level));
    }
  }

  // A directory of the snapshot (or one on the way to something in it) against what is at its path.
  Result<Judged> judge(std::string const& directory, Level const& parent,
                       std::optional<CatalogEntry> const& entry) {
    Judged out;
    out.level.path = directory;
    out.level.mount = parent.mount;
    out.level.mount_top = parent.mount_top;
    out.level.blocked = parent.blocked;
    if (!out.level.blocked.empty()) return out;
    out.level.blocked = name_problem(directory, target_.name_max(), rules_.in_place);
    if (!out.level.blocked.empty()) return out;
    if (entry && entry->entry.type != EntryType::directory) {
      out.level.blocked = "the snapshot itself holds " + printable(directory) + " as a " +
                          (entry->entry.type == EntryType::file ? "file" : "symbolic link") +
                          ", so nothing can lie below it";
      return out;
    }
    if (!parent.there) return out;
    B2B_ASSIGN(out.existing, target_.status(directory));
    if (!out.existing) return out;
    if (out.existing->type == NodeType::directory) {
      out.level.there = true;
      if (out.existing->mount != parent.mount) {
        out.level.mount = out.existing->mount;
        out.level.mount_top = directory;
      }
      return out;
    }
    if (out.existing->mount != parent.mount) {
      out.level.blocked = printable(directory) + " is a mount point of its own and cannot be replaced";
    } else if (out.existing->type == NodeType::symlink && !(entry && selected(rules_, directory, true))) {
      out.level.blocked =
          printable(directory) + " is a symbolic link at the target, and nothing is written through one";
    } else {
      out.displaces = true;
    }
    return out;
  }

 private:
  Catalog& snapshot_;
  TargetView& target_;
  PlanRules const& rules_;
  std::vector<Level> levels_;
};

class Planner {
 public:
  Planner(Catalog& snapshot, TargetView& target, PlanRules const& rules, PlanVisit const& visit)
      : snapshot_(snapshot),
        target_(target),
        rules_(rules),
        visit_(visit),
        ancestors_(snapshot, target, rules) {}

  Result<void> run(std::stop_token const& stop) {
    B2B_TRY(ancestors_.begin());
    std::string after;
    for (bool from_start = true;; from_start = false) {
      B2B_ASSIGN(auto const batch, snapshot_.batch_after(after, batch_size, from_start));
      if (batch.empty()) return {};
      for (CatalogEntry const& entry : batch) {
        if (stop.stop_requested())
          return make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
        if (selected(rules_, entry.entry.path, entry.entry.type == EntryType::directory))
          B2B_TRY(plan(entry));
      }
      after = batch.back().entry.path;
    }
  }

 private:
  Result<void> plan(CatalogEntry const& entry) {
    PlanItem item;
    item.path = entry.entry.path;
    item.type = entry.entry.type;
    auto const implied = [&](Ancestors::Judged const& judged) -> Result<void> {
      PlanItem directory;
      directory.path = judged.level.path;
      directory.type = EntryType::directory;
      directory.action = PlanAction::make_directory;
      return directory_item(std::move(directory), judged);
    };
    B2B_ASSIGN(Ancestors::Level const* const parent, ancestors_.enter(item.path, implied));
    item.mount_top = parent->mount_top;
    if (!parent->blocked.empty()) return refuse(std::move(item), parent->blocked);
    if (item.type == EntryType::directory) {
      B2B_ASSIGN(auto const judged, ancestors_.judge(item.path, *parent, entry));
      if (!judged.level.blocked.empty()) return refuse(std::move(item), judged.level.blocked);
      item.action = judged.level.there ? PlanAction::keep_directory : PlanAction::make_directory;
      if (judged.level.there) {
        Entry timeless = entry.entry;  // a directory's time changes with whatever is restored in it
        timeless.mtime_ns = judged.existing->mtime_ns;
        item.changes_mode = metadata_differs(timeless, *judged.existing, rules_.as_root);
      }
      return directory_item(std::move(item), judged);
    }
    std::string problem = name_problem(item.path, target_.name_max(), rules_.in_place);
    if (!problem.empty()) return refuse(std::move(item), std::move(problem));
    if (parent->there) {
      B2B_ASSIGN(item.existing, target_.status(item.path));
    }
    if (item.existing && item.existing->mount != parent->mount)
      return refuse(std::move(item),
                    printable(item.path) + " is a mount point of its own and cannot be replaced");
    item.displaces = item.existing && item.existing->type == NodeType::directory;
    return item.type == EntryType::file ? file_item(std::move(item), entry)
                                        : symlink_item(std::move(item), entry.entry);
  }

  Result<void> refuse(PlanItem&& item, std::string problem) {
    item.action = PlanAction::refused;
    item.problem = std::move(problem);
    return visit_(std::move(item));
  }

  Result<void> directory_item(PlanItem&& item, Ancestors::Judged const& judged) {
    item.existing = judged.existing;
    item.displaces = judged.displaces;
    item.mount_top = judged.level.mount_top;
    if (item.displaces) {
      B2B_ASSIGN(item.touches_database, target_.has_database(item.path, *item.existing));
    }
    return visit_(std::move(item));
  }

  Result<void> file_item(PlanItem&& item, CatalogEntry const& entry) {
    item.action = PlanAction::write_file;
    item.bytes = entry.entry.size;
    item.damaged = entry.entry.damaged;
    item.makes_database = entry.entry.database || named_like_a_database(item.path);
    if (item.existing && item.existing->type == NodeType::file) {
      B2B_ASSIGN(bool const holds, target_.holds(entry, *item.existing));
      B2B_ASSIGN(bool const linked, linked_as_in_snapshot(entry.entry, *item.existing));
      if (holds && linked) {
        item.bytes = 0;
        item.makes_database = false;
        Entry wanted = entry.entry;
        // The time of a live database says when it was last checkpointed: not worth touching it.
        if (wanted.database) wanted.mtime_ns = item.existing->mtime_ns;
        item.action = metadata_differs(wanted, *item.existing, rules_.as_root) ? PlanAction::set_metadata
                                                                               : PlanAction::unchanged;
        return visit_(std::move(item));
      }
    }
    if (item.existing) {
      B2B_ASSIGN(item.touches_database, target_.has_database(item.path, *item.existing));
    }
    return visit_(std::move(item));
  }

  // Is it the same file as the other one it was a hard link of? Yes as well when that one is not restored
  // now.
  Result<bool> linked_as_in_snapshot(Entry const& entry, NodeStatus const& existing) {
    if (entry.hard_link_of.empty() || !selected(rules_, entry.hard_link_of, false)) return true;
    B2B_ASSIGN(auto const other, snapshot_.find(entry.hard_link_of));
    if (!other || other->entry.type != EntryType::file || other->entry.hash != entry.hash) return true;
    B2B_ASSIGN(auto const there, target_.status(entry.hard_link_of));
    return there && there->inode == existing.inode && there->mount == existing.mount;
  }

  Result<void> symlink_item(PlanItem&& item, Entry const& entry) {
    item.action = PlanAction::make_symlink;
    if (item.existing && item.existing->type == NodeType::symlink) {
      B2B_ASSIGN(std::string const target, target_.link_target(item.path));
      if (target == entry.target) {
        item.action = PlanAction::unchanged;
        return visit_(std::move(item));
      }
    }
    if (item.existing) {
      B2B_ASSIGN(item.touches_database, target_.has_database(item.path, *item.existing));
    }
    return visit_(std::move(item));
  }

  Catalog& snapshot_;
  TargetView& target_;
  PlanRules const& rules_;
  PlanVisit const& visit_;
  Ancestors ancestors_;
};

}  // namespace

std::string name_problem(std::string_view path, std::uint64_t name_max, bool in_place) {
  std::string problem = path_problem(path);
  if (!problem.empty()) return "the path " + printable(path) + " " + problem;
  if (in_place && is_at_or_below(path, "b2backupd")) return "b2backupd/ is this program's own folder";
  if (in_place && path.starts_with("tmp/openclaw-") && base_name(path).starts_with("gateway."))
    return "the lock files of the gateway tell whether it runs, and are not restored";
  for (std::size_t begin = 0; begin <= path.size();) {
    std::size_t const end = std::min(path.find('/', begin), path.size());
    std::string_view const name = path.substr(begin, end - begin);
    if (name.size() > name_max)
      return "the name " + printable(name) + " has " + std::to_string(name.size()) +
             " bytes, and the target's file system takes " + std::to_string(name_max);
    if (name.starts_with(".b2backupd-")) return "names that begin with .b2backupd- are this program's own";
    begin = end + 1;
  }
  return {};
}

NodeMetadata metadata_of(Entry const& entry, bool as_root) {
  NodeMetadata out;
  if (!entry.has_metadata) return out;
  out.mtime_ns = entry.mtime_ns;
  if (entry.type != EntryType::symlink) out.mode = as_root ? entry.mode : entry.mode & 01777U;
  if (as_root) {
    out.uid = entry.uid;
    out.gid = entry.gid;
  }
  return out;
}

bool metadata_differs(Entry const& entry, NodeStatus const& existing, bool as_root) {
  NodeMetadata const wanted = metadata_of(entry, as_root);
  return (wanted.mode && *wanted.mode != existing.mode) ||
         (wanted.mtime_ns && *wanted.mtime_ns != existing.mtime_ns) ||
         (wanted.uid && (*wanted.uid != existing.uid || *wanted.gid != existing.gid));
}

Result<void> plan_restore(Catalog& snapshot, TargetView& target, PlanRules const& rules,
                          PlanVisit const& visit, std::stop_token const& stop) {
  return Planner(snapshot, target, rules, visit).run(stop);
}

Result<void> plan_removals(Catalog& present, Catalog& snapshot, TargetView& target, RemovalRules const& rules,
                           PlanVisit const& visit, std::stop_token const& stop) {
  PlanRules const everything{{}, {}, true, false};
  Ancestors ancestors(snapshot, target, everything);
  B2B_TRY(ancestors.begin());
  auto const stays = [&](std::string_view path) {
    if (!name_problem(path, target.name_max(), true).empty()) return true;  // ours
    return std::any_of(rules.skipped.begin(), rules.skipped.end(), [&](std::string const& skipped) {
      return skipped == "." || is_at_or_below(path, skipped);
    });
  };
  std::string after;
  for (bool from_start = true;; from_start = false) {
    B2B_ASSIGN(auto const batch, present.batch_after(after, batch_size, from_start));
    if (batch.empty()) return {};
    for (CatalogEntry const& found : batch) {
      if (stop.stop_requested())
        return make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
      PlanItem item;
      item.path = found.entry.path;
      item.type = found.entry.type;
      bool const is_directory = item.type == EntryType::directory;
      if (!is_directory && !rules.scope->takes(join_path(rules.label, item.path), false)) continue;
      B2B_ASSIGN(auto const held, snapshot.find(item.path));
      if (held || stays(item.path)) continue;
      if (is_directory) {
        B2B_ASSIGN(auto const below, snapshot.batch_after(item.path + "/", 1, false));
        if (!below.empty() && below.front().entry.path.starts_with(item.path + "/")) continue;
      }
      B2B_ASSIGN(Ancestors::Level const* const parent, ancestors.enter(item.path, {}));
      // Below a directory that is moved away as a whole, or that the snapshot has as something else.
      if (!parent->there) continue;
      item.mount_top = parent->mount_top;
      B2B_ASSIGN(item.existing, target.status(item.path));
      if (!item.existing || item.existing->mount != parent->mount) continue;  // gone, or a mount point
      if (is_directory != (item.existing->type == NodeType::directory))
        continue;  // changed since it was listed
      item.action = is_directory ? PlanAction::remove_directory : PlanAction::move_away;
      item.only_if_emptied = is_directory && (rules.files_only || !rules.scope->takes(join_path(rules.label, item.path), true));
      if (!is_directory) {
        B2B_ASSIGN(item.touches_database, target.has_database(item.path, *item.existing));
      }
      B2B_TRY(visit(std::move(item)));
    }
    after = batch.back().entry.path;
  }
}

}  // namespace b2b
