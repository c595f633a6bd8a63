// An interrupted push: taken up again under its own id, or dropped.
#pragma once

#include <optional>

#include "core/engine/context.h"
#include "core/engine/snapshot_writer.h"
#include "core/snapshot/id.h"

namespace b2b {

struct PushTicket {
  SnapshotId id;
  Salt salt{};
  bool resumed = false;
};

// The pending push when it can be taken up (same target, key and mode, younger than a day, its manifest not in the
// bucket): its journal is brought in line with what is really stored. Otherwise a new id, begun in the journal.
// With `wanted` only that id will do: another pending push is dropped.
Result<PushTicket> begin_or_resume_push(EngineContext& context, std::string_view key_check,
                                        std::optional<SnapshotId> const& wanted = std::nullopt);

// For the writer that stores the snapshot of this ticket, so that it can be resumed: journal, key and place.
Result<SnapshotWriterOptions> resumable_writer(EngineContext& context, PushTicket const& ticket);

// Removes what an earlier try stored and this one did not use. Call before the manifest is written.
Result<void> drop_unused_bodies(EngineContext& context, SnapshotId const& id);

}  // namespace b2b
