// Verify: every snapshot's manifest and objects are there and of the right size; with read_data every body decrypts and matches. In the packed
// layout (verify_packed.h): every chunk is in a pack that is there; with read_data every pack that is needed is whole.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

struct VerifyOptions {
  std::string snapshot;          // empty: all
  bool read_data = false;
  unsigned read_percent = 100;   // with read_data: this share of the packs, and of the bodies in the plugin's layout, chosen by lot
  std::uint64_t read_bytes_max = std::uint64_t{1} << 60;   // about so much of them is read at most, in each of the layouts
  // Nobody reads the notes: a snapshot that is gone stays remembered, and so is told of each time, until a person verifies; and a key that may
  // not read is an error, no finding about what is stored.
  bool unattended = false;
  std::string scratch_parent{};  // an existing directory for what is read; empty: the data directory
};

// What helps.
enum class Remedy {
  repair,      // daemonctl repair
  push,        // of the plugin's layout, which has no repair
  look_back,   // a snapshot is gone: somebody deleted or hid it
  keys,        // what is stored may be whole, but the configured keys do not open it
};

struct VerifyProblem {
  std::string snapshot;   // empty: of no single snapshot
  std::string path;       // of a file in it; where there is no snapshot, the key of an object
  std::string problem;
  Remedy remedy = Remedy::repair;
};

struct VerifyReport {
  std::uint64_t snapshots = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes_read = 0;
  std::vector<VerifyProblem> problems;
  std::vector<std::string> notes;
  std::string way_back;               // where a snapshot is gone: what is known of it, and where to look; it is among the notes
  std::set<std::string> listed;       // ids of all snapshots that are in the store
  std::optional<std::set<std::string>> packs;   // keys of those that the packed layout's index names; nullopt: it was not read
};

Result<VerifyReport> verify(EngineContext& context, VerifyOptions const& options);

}  // namespace b2b
