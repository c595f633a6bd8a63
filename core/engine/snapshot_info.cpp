#include "core/engine/snapshot_info.h"

#include <algorithm>
#include <array>

#include "core/engine/bucket.h"
#include "core/engine/openclaw_version.h"
#include "core/engine/queue.h"
#include "core/engine/roots.h"

namespace b2b {
namespace {

constexpr std::size_t skipped_recorded = 1'000;
constexpr std::chrono::hours future_tolerance{24};  // as retention and "latest" have it

}  // namespace

Result<SnapshotInfo> describe_snapshot(EngineContext const& context, Trigger trigger, std::int64_t started_ns,
                                       std::vector<Skip> const& skipped) {
  SnapshotInfo info;
  info.ours = true;
  info.timestamp = format_iso8601(TimePoint(std::chrono::nanoseconds(started_ns)));
  info.complete = skipped.empty();
  info.trigger = trigger;
  info.trigger_text = trigger_name(trigger);
  info.host = context.instance.host;
  info.instance = context.instance.id;
  info.state_dir = context.config.state_dir;
  info.program = "b2backupd " B2B_VERSION;
  info.openclaw = openclaw_version(context.config.state_dir);
  for (Root const& root : roots_of(context.config)) {
    auto const configured = std::find_if(context.config.roots.begin(), context.config.roots.end(),
                                         [&](AgentRoot const& known) { return known.label == root.label; });
    if (configured != context.config.roots.end()) info.roots.push_back({root.label, root.path, configured->written});
  }
  B2B_ASSIGN(Scope const scope, scope_of(context.config));
  info.scope = scope.record();
  info.skipped_total = skipped.size();
  for (Skip const& skip : skipped) {
    if (info.skipped.size() == skipped_recorded) break;
    info.skipped.emplace_back(skip.path, skip.detail);
  }
  return info;
}

Result<SnapshotId> new_snapshot_id(EngineContext const& context, SnapshotKind kind) {
  TimePoint const now = context.clock->now();
  TimePoint time = now;
  auto const consider = [&](SnapshotId const& id) {
    if (id.kind == kind && id.time >= time && id.time - now <= future_tolerance) time = id.time + std::chrono::milliseconds(1);
  };
  // The queue first: what leaves it meanwhile is remembered by then.
  B2B_ASSIGN(auto const queue, list_queue(context));
  for (QueuedCapture const& capture : queue) consider(capture.id);
  B2B_ASSIGN(auto const remembered, context.index->remembered_snapshots(target_name(context)));
  for (Index::Remembered const& snapshot : remembered) consider(snapshot.info.id);
  std::array<std::uint8_t, 4> bytes{};
  random_bytes(bytes);
  std::uint32_t number = 0;
  for (std::uint8_t const byte : bytes) number = number << 8 | byte;
  return make_snapshot_id(kind, time, number);
}

}  // namespace b2b
