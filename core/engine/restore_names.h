// Which names of a plan the target's file system cannot hold, or would fold together ("A" and "a", "é" in two
// spellings). The file system itself is asked: on one that does neither, a few probes are enough; on any
// other, the names are tried out in a shadow tree of empty files.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/engine/restore_plan_store.h"
#include "core/engine/restore_site.h"
#include "core/engine/target_tree.h"

namespace b2b {

// Takes names one by one, parents first.
class NameShadow {
 public:
  virtual ~NameShadow() = default;
  // Empty when the name is free and possible, else what is wrong with it.
  virtual Result<std::string> claim(std::string_view path, bool is_directory) = 0;
};

// Empty files and directories in the folder `top` of a tree, which must exist.
class DirectoryNameShadow final : public NameShadow {
 public:
  DirectoryNameShadow(TargetTree const& tree, std::string top) : tree_(tree), top_(std::move(top)) {}
  Result<std::string> claim(std::string_view path, bool is_directory) override;

 private:
  TargetTree const& tree_;
  std::string const top_;
};

// Does the file system of this (empty, existing) folder take any name and tell all names apart? Leaves the
// folder empty.
Result<bool> names_are_plain(TargetTree const& tree, std::string const& folder);

// Refuses the rows on `mount_top` whose names clash or are impossible; `refused` hears of each.
Result<void> refuse_impossible_names(
    PlanStore& plan, std::string const& mount_top, NameShadow& shadow,
    std::function<void(std::string const& path, std::string const& problem)> const& refused);

// The same on every file system of a restore, each asked in its staging folder.
Result<void> refuse_names_at(
    RestoreSite const& site, PlanStore& plan,
    std::function<void(std::string const& path, std::string const& problem)> const& refused);

}  // namespace b2b
