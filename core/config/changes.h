// What differs between two configurations, for a daemon that reads its configuration again. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "core/config/config.h"

namespace b2b {

struct ConfigChange {
  std::string_view key;        // "limits.upload"; static storage
  bool needs_restart = false;  // else it applies to the next job
};

// The keys whose value differs, in the schema's order. Values are not in it, since some are secrets; a key
// file counts as the key that it holds. stateDir, dataDir and socket need a restart: locks and the socket are
// held at those places.
std::vector<ConfigChange> describe_changes(Config const& before, Config const& after);

}  // namespace b2b
