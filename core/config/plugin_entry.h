// The entry of the B2 plugin in openclaw.json: plugins.entries["b2-backup"] or ["openclaw-b2-backup"], its
// `config`.
//
// Agents can write that file, so only the keys marked in_openclaw_json in the table are taken from it, and
// nothing that is wrong there is more than a fact to report: whether it stops a job is for the caller, who
// knows what is set elsewhere.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/agent_directories.h"
#include "core/config/config.h"
#include "core/config/layer.h"

namespace b2b {

struct PluginEntry {
  std::string path;  // openclaw.json, where it is or would be
  Layer values;
  std::map<std::string, Error> unusable;  // keys that are set, and why their value cannot be used
  std::optional<Error> failure;           // the file could not be read that far
  bool from_last_good = false;  // openclaw.json is malformed; values are from openclaw.json.last-good
  std::string problem;          // openclaw.json could not be read, and what is used meanwhile; empty: nothing of the kind
  std::vector<std::string> warnings;
  std::vector<std::string> files;  // files that were read
  AgentDirectories agents;         // their warnings are among those above
};

// A restore that changes databases moves openclaw.json away for its last moments. Should it be interrupted then, this copy has
// what is needed to finish it.
std::string config_during_restore(std::string const& state_dir);

PluginEntry read_plugin_entry(ConfigSources const& sources, std::string const& state_dir);

}  // namespace b2b
