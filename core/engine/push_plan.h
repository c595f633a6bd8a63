// First half of a push: what is there now, and what of it differs from the last snapshot by its stat keys.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/capture/capture.h"
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
  waiting = 5,    // captured; its body waits in the queue (queue.h)
  unchecked = 6,  // the same, for a database whose copy is still to be checked: its hash is not known
};

// The last snapshot of ours, as we know it.
struct Base {
  Catalog catalog;
  SnapshotId id;
  SnapshotLayout layout = SnapshotLayout::plugin;
  bool same_key = false;             // its bodies were written in today's layout, with today's key and mode
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
  std::vector<std::string> base_sidecars;  // of damaged databases in the base: no scan finds them, a capture may
  bool metadata_changed = false;     // a directory or symlink is new, gone or different
  std::int64_t started_ns = 0;       // wall clock when the scan began
};

// Opens the catalog at `path` if it is the record of a snapshot for this target, with the same choice about secrets. Asks
// only our own records. A record that cannot be used is none, and `warnings` says so.
Result<std::optional<Base>> open_record(EngineContext& context, std::string const& path, std::vector<std::string>& warnings);
// What open_record() will compare; call before the catalog is sealed.
Result<void> label_record(EngineContext& context, Catalog& catalog, SnapshotId const& id, bool complete);

// The last snapshot, if its record can be used and its manifest is still in the bucket. `warnings` gets what is wrong.
// Once a day its bodies are looked for, too, for which the caller holds the upload lock; a dry run does without (`look` false).
Result<std::optional<Base>> open_base(EngineContext& context, std::vector<std::string>& warnings, bool look = true);

// Is a captured file what the record says, content and metadata? Then nothing of it needs to be stored again.
bool same_as_before(Entry const& captured, CatalogEntry const& before);

// Captured files, less those that are as in `base` (null: none). Those are written into `now` as unchanged when
// `only_changes`, and handed on like the others when not. Counts and names what it sees in `report`. Not thread-safe.
struct PushReport;
Result<std::vector<CapturedFile>> take_captured(Entry const& scanned, CaptureResult&& result, Base* base, Catalog& now,
                                                bool only_changes, PushReport& report);

// Scans and compares. `base` may be null.
Result<PushPlan> make_push_plan(EngineContext& context, Base* base, std::string const& catalog_path);

// Pure. refused: there is not one file, and the last snapshot had some. A snapshot of nothing would be the latest one.
Result<void> check_not_emptied(PushPlan const& plan, std::string const& state_dir);

// After the capture: sidecars of the base that did not come again are gone.
Result<void> count_gone_sidecars(PushPlan& plan);

// Pure. More than half of the files are gone: pruning waits for a person. And what to tell that person.
bool vanished_alarm(PushPlan const& plan);
std::string vanished_warning(PushPlan const& plan);

}  // namespace b2b
