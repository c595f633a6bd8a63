// An interrupted push: taken up again under its own id, or dropped.
#pragma once

#include <memory>
#include <optional>

#include "core/engine/context.h"
#include "core/engine/snapshot_writer.h"
#include "core/snapshot/id.h"

namespace b2b {

struct PushTicket {
  SnapshotId id;
  SnapshotLayout layout = SnapshotLayout::plugin;
  Salt salt{};                       // of the bodies, in the plugin's layout
  bool resumed = false;
};

// The pending push when it can be taken up (same target, layout, key and mode, younger than a day, not committed): in the plugin's layout
// its journal is brought in line with what is really stored. Otherwise a new id, begun in the journal.
// With `wanted` only that id will do: another pending push is dropped.
Result<PushTicket> begin_or_resume_push(EngineContext& context, std::string_view key_check,
                                        std::optional<SnapshotId> const& wanted = std::nullopt);

// The writer that stores the snapshot of this ticket, in its layout, so that it can be resumed. The caller holds the upload lock.
Result<std::unique_ptr<SnapshotWriter>> resumable_writer(EngineContext& context, PushTicket const& ticket, BodyStored stored);

// The same without a journal: begun anew when it is interrupted (a packed one finds what is stored all the same).
Result<std::unique_ptr<SnapshotWriter>> unjournaled_writer(EngineContext& context, PushTicket const& ticket, BodyStored stored);

// Removes what an earlier try stored and this one did not use. Call before the manifest is written.
Result<void> drop_unused_bodies(EngineContext& context, SnapshotId const& id);

}  // namespace b2b
