// Of the paths that changed as far as the watcher saw, those that are as the newest capture has them: what we do to read a
// database (SQLite touches its sidecars), and what was put back, looks like a change. For what a person is shown; what is due is
// not decided by it, since a file may change twice within one tick of its clock.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/engine/context.h"

namespace b2b {

// More than so many are not looked at, so that an answer does not take long.
inline constexpr std::size_t unchanged_paths_max = 256;

// The others of `paths`, in their order. All of them when there is no record to compare with, or when they are too many. Needs the
// context's configuration, instance and index.
std::vector<std::string> really_changed(EngineContext const& context, std::set<std::string, std::less<>> const& paths);

}  // namespace b2b
