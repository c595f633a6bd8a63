// Where a restore writes, and the staging folders it makes there. Four kinds of targets, one shape:
// everything is done with paths relative to one tree.
//   in place   the tree is the state directory; staging in <state dir>/b2backupd/restore-<random>/
//   root       the tree is an agent's directory outside of the state directory, restored together with that;
//              staging as in an existing target
//   existing   the tree is the target;          staging in <target>/.b2backupd-restore-<random>/
//   new        the tree is the target's parent; staging in <parent>/.<name>.b2backupd-restore-<random>/,
//   where the whole
//              target is built (in tree/) and renamed at the end, so that it is absent or whole
// Each file system mounted below the target that is written to has a staging folder of its own, at its top.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/restore_plan_store.h"
#include "core/engine/swap.h"
#include "core/engine/target_tree.h"

namespace b2b {

struct RestoreSite {
  enum class Kind { in_place, root, existing, fresh };
  Kind kind = Kind::in_place;
  std::string target;              // absolute, for messages
  std::optional<TargetTree> tree;  // of a fresh target: its parent
  std::string name;                // of a fresh target, in its parent

  std::string staging;                         // set by make_folders()
  std::map<std::string, std::string> folders;  // mount top → staging folder, both relative to the tree
  std::string id;                              // random, names the folders and the pointer; made by make_folders() when empty
  std::string group;                           // id of the site whose journal counts for this one, too (swap_group.h); empty: its own alone

  // What is there is the machine's own: the safety snapshot holds it.
  bool in_place() const { return kind == Kind::in_place || kind == Kind::root; }

  // Where a path of the snapshot is in the tree.
  std::string in_tree(std::string_view path) const;
  std::string const& folder(std::string const& mount_top) const { return folders.at(mount_top); }
  // Of a staged file.
  std::string staged(PlanRow const& row) const;
};

// Finds out which kind it is. `target` empty: in place. refused: inside the state directory or our own data,
// or no directory.
Result<RestoreSite> choose_site(EngineContext const& context, std::string const& target);

// An agent's directory at `place` (absolute), there or not. refused: it is no directory, or lies in the state directory or our
// own data.
Result<RestoreSite> root_site(EngineContext const& context, std::string const& place);

// OpenClaw's configuration file, relative to the tree of an in-place restore; empty: it lies elsewhere.
std::string config_in_tree(EngineContext const& context, RestoreSite const& site);

// The copy of openclaw.json for the time of a swap goes when openclaw.json itself is there (again).
Result<void> forget_config_copy(EngineContext const& context);

// Names of staging folders: in the state directory, and anywhere else.
constexpr std::string_view restore_own_folder = "b2backupd";
constexpr std::string_view restore_dot_folder = ".b2backupd-restore-";
std::string fresh_folder_prefix(std::string_view name);
std::string new_restore_id();

// Makes the staging folders, held by the result, with a pointer to them in the data directory. `mounts`: the
// tops that need one.
Result<SwapFolder> make_folders(EngineContext const& context, RestoreSite& site,
                                std::vector<std::string> const& mounts);
// Removes them, with the pointer.
Result<void> remove_folders(EngineContext const& context, RestoreSite const& site, SwapFolder& folder);

// Finishes, undoes or clears away what an interrupted restore left at this target, behind a fence where databases are
// half swapped. One sentence each. refused: a gateway runs there, or somebody has one of them open.
Result<std::vector<std::string>> recover_site(RestoreSite const& site);

}  // namespace b2b
