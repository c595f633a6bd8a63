// The capture queue: snapshots that are captured and wait for their upload, oldest first, in <data dir>/queue/.
//
// A folder named after the snapshot's id holds one capture, durable and complete (it is made under another name and
// renamed last):
//   capture.json     what the snapshot's header needs, and whether its databases are checked yet
//   catalog.sqlite   every entry. State waiting or unchecked: its body lies here, stored_name is "<file>@<offset>".
//                    State unchanged: content as in the capture before it, or in the last snapshot in the store
//   bodies/          plaintext: a file for each large body, the small ones together in "pack". 0600 in a 0700 folder
// Database copies have their secret rows taken out when they are checked, which follows the capture at once.
//
// Written by whoever holds the data lock (durable_capture.h), emptied by whoever holds the upload lock
// (queue_upload.h); reading needs no lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/push.h"
#include "core/snapshot/manifest.h"

namespace b2b {

struct QueuedCapture {
  SnapshotId id;
  Trigger trigger = Trigger::manual;
  std::string target;               // store and prefix it was taken for
  std::int64_t started_ns = 0;      // wall clock when its scan began
  bool checked = false;             // false: finish_captures() has yet to look at its databases
  bool vanished_alarm = false;      // more than half of the files were gone
  std::uint64_t bytes = 0;          // of its bodies, on disk
  std::uint64_t files = 0;
  std::uint64_t changed = 0;
  std::uint64_t added = 0;
  std::uint64_t deleted = 0;
  std::vector<Skip> skipped;
  std::vector<std::string> warnings;
  std::string folder;               // absolute; filled in by list_queue()
};

std::string queue_folder(EngineContext const& context);

// Oldest first. One whose record cannot be read is renamed to "….damaged", with an error in the log; one that a newer program made
// is left out, with a warning.
Result<std::vector<QueuedCapture>> list_queue(EngineContext const& context);

// Removes what a crash left half-made. Call under the data lock.
Result<void> clear_unfinished_captures(EngineContext const& context);

// Takes a capture out of the queue once its snapshot is in the store. At no moment does the queue hold a part of it: the folder is
// renamed to "<id>.uploaded" first. Call both under the upload lock.
Result<void> remove_capture(EngineContext const& context, QueuedCapture const& capture);
Result<void> clear_removed_captures(EngineContext const& context);  // what a crash left of that

// Writes <folder>/capture.json, durably.
Result<void> write_capture_record(QueuedCapture const& capture, std::string const& folder);

// Pure: capture.json and back. Paths are kept byte for byte.
std::string format_capture_record(QueuedCapture const& capture);
Result<QueuedCapture> parse_capture_record(std::string_view text, std::string_view name_for_errors);

// Pure: "<file>@<offset>", where a body lies below bodies/, and back (nullopt: not such a text).
struct BodyPlace {
  std::string file;
  std::uint64_t offset = 0;
};
std::string format_body_place(BodyPlace const& place);
std::optional<BodyPlace> parse_body_place(std::string_view text);

}  // namespace b2b
