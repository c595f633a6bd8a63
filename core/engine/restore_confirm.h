// What a restore would overwrite, as the question that a person answers with --yes.
#pragma once

#include "core/engine/restore_plan_store.h"
#include "core/engine/restore_site.h"
#include "core/snapshot/manifest.h"

namespace b2b {

// "2 files", "1 file".
std::string count_of(std::uint64_t n, std::string_view one, std::string_view many);

// refused, with what would change and how to go on. `elsewhere`: the snapshot was taken from another place.
Error needs_a_yes(RestoreSite const& site, PlanTotals const& totals, SnapshotInfo const& snapshot, bool elsewhere);

}  // namespace b2b
