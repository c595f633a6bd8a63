// What the daemon looks at by itself, so that damage is heard of before a restore needs what is damaged.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/engine/restore_sample.h"
#include "core/engine/verify.h"

namespace b2b {

enum class CheckKind {
  content,    // verify() with a share of the content by lot, and a restore of some files to try
  presence,   // look_for_all()
};
std::string_view check_kind_name(CheckKind kind);   // "content", "presence"

struct CheckReport {
  std::uint64_t snapshots = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes_read = 0;             // of content
  std::uint64_t files_restored = 0;
  std::optional<SnapshotId> snapshot;       // that they were restored of
  std::vector<VerifyProblem> problems;      // each file and object once
  std::vector<std::string> notes;
  std::string way_back;                     // as VerifyReport has these three
  std::set<std::string> listed;
  std::optional<std::set<std::string>> packs;
};

inline constexpr std::uint64_t check_bytes_max = std::uint64_t{1} << 30;     // about so much is read by one check
inline constexpr std::uint64_t check_space_needed = std::uint64_t{512} << 20;

// Takes no lock that a push or a capture waits for. All that it writes lies in one folder of the data directory, which goes with it. no_space:
// less than check_space_needed is free there. Other errors: the store's, cancelled.
Result<CheckReport> check_stored(EngineContext& context, CheckKind kind, unsigned percent);

// Removes what a check left behind whose process was killed. No check runs meanwhile.
Result<void> remove_abandoned_checks(std::string const& data_dir);

}  // namespace b2b
