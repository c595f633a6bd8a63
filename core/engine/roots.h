// What a snapshot is taken of: the state directory and, under labels of their own, what agents have elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/capture/scan.h"
#include "core/capture/scope.h"
#include "core/config/config.h"

namespace b2b {

// The state directory first, then the roots that openclaw.json names, there or not. A root that contains the state directory or
// our own data leaves those out.
std::vector<Root> configured_roots(Config const& config);
// Of those, the ones that are there (and the state directory in any case).
std::vector<Root> roots_of(Config const& config);

// What is never part of a root, wherever that lies: the state directory and our own data, symbolic links resolved.
std::vector<std::string> not_of_a_root(Config const& config);

// The configuration's rules, with the roots and the agents' directories inside the state directory taken whole.
Result<Scope> scope_of(Config const& config);

// Pure. The roots and the agents' directories as the index keeps them for times at which openclaw.json is away or broken; and back
// (what cannot be read is nothing).
std::string roots_text(Config const& config);
void take_roots(std::string_view text, Config& config);

// Where an entry's live file is; `root_bytes`: how much of that names its root.
std::string absolute_path(std::vector<Root> const& roots, std::string_view path, std::size_t* root_bytes = nullptr);

}  // namespace b2b
