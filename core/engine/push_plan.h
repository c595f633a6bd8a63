// First half of a push: what is there now, and what of it differs from the last snapshot by its stat keys.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/scan.h"
#include "core/engine/context.h"
#include "core/snapshot/catalog.h"

namespace b2b {

// Index value: when the bodies of the last snapshot were last known to be there, in nanoseconds since the epoch.
inline constexpr std::string_view last_body_check = "last-body-check";

// CatalogEntry::state of the scan's catalog.
enum class PlanState : std::uint32_t {
  capture = 0,    // must be read
  unchanged = 1,  // hash and stored body known from the base
  done = 2,       // captured and stored
  other = 3,      // directory or symlink
  skipped = 4,    // could not be read: not in the snapshot
};

// The last snapshot of ours, as we know it.
struct Base {
  Catalog catalog;
  SnapshotId id;
  bool same_key = false;             // its bodies were written with today's key and mode
};

struct PushPlan {
  std::string path;                  // of the catalog file
  std::optional<Catalog> catalog;    // everything in scope, in path order
  std::vector<Skip> skipped;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;           // live sizes
  std::uint64_t to_capture = 0;
  std::uint64_t to_capture_bytes = 0;
  std::uint64_t deleted = 0;         // files of the base that are gone
  std::uint64_t base_files = 0;
  bool metadata_changed = false;     // a directory or symlink is new, gone or different
  std::int64_t started_ns = 0;       // wall clock when the scan began
};

// Opens the base if it is there, belongs to this target and its manifest is still in the bucket. `warnings` gets what is wrong.
Result<std::optional<Base>> open_base(EngineContext& context, std::vector<std::string>& warnings);

// Scans and compares. `base` may be null.
Result<PushPlan> make_push_plan(EngineContext& context, Base* base, std::string const& catalog_path);

std::vector<Root> roots_of(Config const& config);
// Where an entry's live file is.
std::string absolute_path(std::vector<Root> const& roots, std::string_view path);

}  // namespace b2b
