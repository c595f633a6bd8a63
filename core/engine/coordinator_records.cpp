#include "core/engine/choose_layout.h"
#include "core/engine/coordinator_impl.h"

#include <algorithm>
#include <cstdlib>

#include "core/engine/bucket.h"
#include "core/engine/prune_right.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::chrono::seconds silence_told_after{20};

bool says_store_is_away(Condition condition) {
  return condition == Condition::unreachable || condition == Condition::throttled;
}

CoordinatorStatus::Waiting as_waiting(QueuedCapture const& capture) {
  return {capture.id.text, capture.trigger, TimePoint(std::chrono::nanoseconds(capture.started_ns)), capture.bytes,
          capture.skipped.empty()};
}

}  // namespace

void Coordinator::Impl::push_failed(Error const& error) {
  {
    std::scoped_lock lock(mutex);
    known.last_error = error.text();
    known.last_error_time = options.clock->now();
    if (says_store_is_away(error.condition)) known.store_reachable = false;
  }
  tell("failed", {{"error", error.text()}, {"code", condition_name(error.condition)}});
}

void Coordinator::Impl::push_succeeded(EngineContext& context, PushReport const& report, std::int64_t captured_ns) {
  {
    std::scoped_lock lock(mutex);
    known.last_error.reset();
    known.last_error_time.reset();
    known.store_reachable = true;
    known.warnings = report.warnings;
    if (report.complete && report.snapshot) {
      known.last_good = report.snapshot->text;
      known.last_good_time = TimePoint(std::chrono::nanoseconds(captured_ns));
    } else if (report.complete) {
      known.last_good_time = TimePoint(std::chrono::nanoseconds(captured_ns));
    }
  }
  if (report.complete) {
    // With every push, also one that found nothing to do: the state of then is in the store.
    auto kept = context.index->set_value("last-good", std::to_string(captured_ns) +
                                                          (report.snapshot ? " " + report.snapshot->text : last_good_suffix()));
    if (!kept) log_warning("the time of the last good snapshot was not recorded: " + kept.error().text());
  }
  look_at_records(context);
}

std::string Coordinator::Impl::last_good_suffix() const {
  std::scoped_lock lock(mutex);
  return known.last_good ? " " + *known.last_good : std::string();
}

void Coordinator::Impl::read_last_good(EngineContext& context) {
  auto const text = context.index->value("last-good");
  if (!text || !*text) return;
  std::scoped_lock lock(mutex);
  auto const space = (*text)->find(' ');
  known.last_good_time = TimePoint(std::chrono::nanoseconds(std::strtoll((*text)->c_str(), nullptr, 10)));
  if (space != std::string::npos) known.last_good = (*text)->substr(space + 1);
}

Coordinator::Impl::Impl(CoordinatorOptions options_in) : options(std::move(options_in)), planner(options.planner) {
  if (!options.index) return;
  EngineContext records;
  records.index = options.index;
  records.instance = options.instance;
  read_last_good(records);
  if (auto const paused = options.index->value("prune-paused")) known.prune_paused = paused->has_value();
  auto const listed = list_queue(records);
  if (!listed) return;
  for (QueuedCapture const& capture : *listed) queue.push_back(as_waiting(capture));
}

std::optional<Monotonic> Coordinator::Impl::silent_since() const {
  std::optional<Monotonic> const since = engine ? engine->store->counters().silent_since : opening_since;
  return since && now() - *since >= silence_told_after ? since : std::nullopt;
}

void Coordinator::Impl::look_at_records(EngineContext& context) {
  CoordinatorStatus::Bucket bucket;
  bucket.store = target_name(context);
  auto const remembered = context.index->remembered_snapshots(bucket.store);
  auto const paused = context.index->value("prune-paused");
  if (!remembered || !paused) return;
  std::vector<SnapshotInfo> infos;
  for (Index::Remembered const& snapshot : *remembered) {
    infos.push_back(snapshot.info);
    ++bucket.snapshots;
    bucket.bytes += snapshot.info.bytes;
    auto const& host = snapshot.info.host;
    bool const other = !snapshot.info.instance.empty() && snapshot.info.instance != context.instance.id;
    if (other && std::find(bucket.other_instances.begin(), bucket.other_instances.end(), host) == bucket.other_instances.end())
      bucket.other_instances.push_back(host);
  }
  auto const unyielding = unyielding_instances(context, infos);
  bucket.may_prune = unyielding && unyielding->empty();
  if (auto const layout = known_layout(context)) bucket.layout = *layout;
  bucket.may_switch = context.config.layout == LayoutChoice::automatic && context.config.encrypt && bucket.layout == SnapshotLayout::plugin;
  std::scoped_lock lock(mutex);
  known.bucket = std::move(bucket);
  known.prune_paused = paused->has_value();
}

std::vector<Trigger> Coordinator::Impl::look_at_queue(EngineContext& context) {
  std::vector<Trigger> triggers;
  auto const listed = list_queue(context);
  if (!listed) {
    log_error(listed.error().text());
    return triggers;
  }
  std::scoped_lock lock(mutex);
  queue.clear();
  for (QueuedCapture const& capture : *listed) {
    queue.push_back(as_waiting(capture));
    if (capture.target == target_name(context)) triggers.push_back(capture.trigger);
  }
  return triggers;
}

}  // namespace b2b
