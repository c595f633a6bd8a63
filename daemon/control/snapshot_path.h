// Paths of a snapshot as people write them. Pure.
#pragma once

#include <string>

#include "core/config/config.h"

namespace b2b::daemonctl {

// What a snapshot calls a file or pattern that was given by its place on this machine: "/home/a/.openclaw/workspace/**" is
// "workspace/**", and what lies in a workspace outside is "@workspace/…". The state directory itself is empty; anything else stays as
// it was written.
std::string path_in_snapshot(Config const& config, std::string const& written);

// The same for a pattern (core/util/glob.h). One that was given by its place means what lies there and nowhere else: what is at the top then begins with '/'.
std::string pattern_in_snapshot(Config const& config, std::string const& written);

}  // namespace b2b::daemonctl
