// The OpenClaw state directories of this user, and what each holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/util/error.h"

namespace b2b::setup {

// Counted without following symbolic links; at most `entries_max` entries are looked at.
struct StateContents {
  bool has_openclaw_json = false;
  std::uint64_t agents = 0;       // folders in agents/
  std::uint64_t transcripts = 0;  // *.jsonl below agents/
  std::uint64_t databases = 0;    // *.sqlite
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  bool more = false;    // there is more than was looked at
  std::string problem;  // it cannot be read: why
};
inline constexpr std::uint64_t entries_max = 200'000;

struct StateDirectory {
  std::string path;
  std::string profile;  // "work" for ~/.openclaw-work; empty for the default one and any other place
  std::string
      found;  // "OPENCLAW_STATE_DIR" or the configuration file that names it; empty for the usual places
  StateContents contents;
  bool is_default() const { return profile.empty() && found.empty(); }
};

// What lies in a directory. The folder b2backupd in it, which is ours, does not count, nor do cache/ and
// tmp/.
StateContents look_into(std::string const& path);

// $OPENCLAW_STATE_DIR, ~/.openclaw, then ~/.openclaw-P by name; those that are there and are directories,
// each once.
std::vector<StateDirectory> find_states(ConfigSources const& sources);

// Pure. "openclaw.json, 2 agents, 14 transcripts, 3 databases; 412 files, 62.0 MB", "empty".
std::string describe(StateContents const& contents);
bool is_empty(StateContents const& contents);

}  // namespace b2b::setup
