// What a restore would overwrite, as the question that a person answers with --yes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/snapshot/manifest.h"
#include "core/util/error.h"

namespace b2b {

// "2 files", "1 file".
std::string count_of(std::uint64_t n, std::string_view one, std::string_view many);

struct RestoreQuestion {
  std::vector<std::string> targets;  // where something would be overwritten
  std::uint64_t overwritten = 0;     // files, those that are moved away included
  std::uint64_t moved_away = 0;
};

// refused, with what would change and how to go on. `elsewhere`: the snapshot was taken from another place.
Error needs_a_yes(RestoreQuestion const& question, SnapshotInfo const& snapshot, bool elsewhere);

}  // namespace b2b
