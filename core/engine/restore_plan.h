// What a restore has to do: the snapshot's entries against what is at the target, path by path. Pure: the
// target is seen through an interface, and nothing is changed. Streams in path order; memory grows with the
// depth of the tree only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/capture/scope.h"
#include "core/engine/target_tree.h"
#include "core/snapshot/catalog.h"
#include "core/util/glob.h"

namespace b2b {

enum class PlanAction : std::uint8_t {
  unchanged,   // content, mode and time are as in the snapshot
  write_file,  // fetch it (or link it to another file of the snapshot) and put it in place
  make_symlink,
  make_directory,    // also one that the snapshot names only as part of other paths
  keep_directory,    // is there; its mode and time are set at the end
  set_metadata,      // the content is right, mode, time or owner are not
  move_away,         // in the snapshot's scope and not in the snapshot
  remove_directory,  // the same for a directory, if it is empty by then
  refused,           // `problem` says why; the rest goes on
};

struct PlanItem {
  std::string path;
  PlanAction action = PlanAction::unchanged;
  EntryType type = EntryType::file;    // in the snapshot; for removals: at the target
  std::uint64_t bytes = 0;             // to fetch
  std::optional<NodeStatus> existing;  // what is at the path now
  bool displaces = false;              // `existing` is of a kind that must be moved away first, as a whole
  bool touches_database = false;       // a database that is there is replaced or moved
  bool makes_database = false;         // what is written is (or is named like) a database
  bool damaged = false;                // a database that was damaged when the snapshot was taken; not kept in the store
  bool changes_mode = false;           // keep_directory: its mode or owner will differ
  bool only_if_emptied = false;        // remove_directory: only when this restore moves something out of it
  std::string mount_top;  // the directory where the path's file system begins; "" is the target's own
  std::string problem;
};

// The target, as the plan needs to know it.
class TargetView {
 public:
  virtual ~TargetView() = default;
  // lstat; "" is the target itself. nullopt: nothing there.
  virtual Result<std::optional<NodeStatus>> status(std::string_view path) = 0;
  virtual Result<std::string> link_target(std::string_view path) = 0;
  // Does the regular file there hold what the entry holds (extended attributes included)?
  virtual Result<bool> holds(CatalogEntry const& entry, NodeStatus const& existing) = 0;
  // Is it a database, or belongs to one (header, or a "-wal" beside it)? A directory: is there one in it?
  virtual Result<bool> has_database(std::string_view path, NodeStatus const& existing) = 0;
  virtual std::uint64_t name_max() const = 0;  // bytes in one name
};

struct PlanRules {
  std::vector<Glob> paths;  // empty: everything
  std::vector<std::string> elsewhere;  // labels of roots: their entries do not belong into this target
  bool in_place = false;    // our own folder in the state directory is out of bounds
  bool as_root = false;     // owners count, and set-id bits
};

using PlanVisit = std::function<Result<void>(PlanItem&&)>;

// One item for each selected entry, and for directories that are made on the way. Items come in path order.
Result<void> plan_restore(Catalog& snapshot, TargetView& target, PlanRules const& rules,
                          PlanVisit const& visit, std::stop_token const& stop = {});

// What is there and should not be. `present`: everything at the target that the snapshot's own scope covers.
struct RemovalRules {
  std::string label;                 // of a root: what the scope has before its paths
  Scope const* scope = nullptr;      // recorded in the snapshot
  bool files_only = false;           // the snapshot records no directories (the plugin's)
  std::vector<std::string> skipped;  // what the snapshot could not take: it and all below it stays
};
Result<void> plan_removals(Catalog& present, Catalog& snapshot, TargetView& target, RemovalRules const& rules,
                           PlanVisit const& visit, std::stop_token const& stop = {});

// Why this path must not be written, whatever is there; empty when it may.
std::string name_problem(std::string_view path, std::uint64_t name_max, bool in_place);

// Mode, time and owner to set for an entry; for a directory or file of the plugin's, which has none, nothing.
NodeMetadata metadata_of(Entry const& entry, bool as_root);
// Would setting it change anything?
bool metadata_differs(Entry const& entry, NodeStatus const& existing, bool as_root);

}  // namespace b2b
