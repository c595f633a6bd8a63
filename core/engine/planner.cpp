#include "core/engine/planner.h"

#include <algorithm>

namespace b2b {
namespace {

// A rarer event names the capture: that is what somebody will look for.
int strength(Trigger trigger) {
  switch (trigger) {
    case Trigger::change: return 0;
    case Trigger::schedule: return 1;
    case Trigger::manual: return 2;
    case Trigger::gateway_stop: return 3;
    case Trigger::compaction: return 4;
  }
  return 0;
}

}  // namespace

Monotonic retry_delay(PlannerSettings const& settings, unsigned failures) {
  Monotonic delay = settings.first_retry;
  for (unsigned i = 1; i < failures && delay < settings.longest_retry; ++i) delay *= 2;
  return std::min(delay, settings.longest_retry);
}

void Planner::triggered(std::uint64_t job, Trigger trigger) { waiting_.push_back({job, trigger}); }

bool Planner::capture_ready(Monotonic now) const {
  return !capturing_ && !waiting_.empty() && (!capture_not_before_ || now >= *capture_not_before_);
}

std::vector<Planner::Served> Planner::begin_capture(Monotonic now) {
  std::vector<Served> batch;
  if (!capture_ready(now)) return batch;
  batch.swap(waiting_);
  capturing_ = true;
  capture_not_before_.reset();
  return batch;
}

void Planner::capture_ended() {
  capturing_ = false;
  capture_failures_ = 0;
}

void Planner::capture_postponed(std::vector<Served> const& batch, Monotonic now, bool soon) {
  capturing_ = false;
  waiting_.insert(waiting_.begin(), batch.begin(), batch.end());
  if (!soon) ++capture_failures_;
  capture_not_before_ = now + (soon ? settings_.soon : retry_delay(settings_, capture_failures_));
}

bool Planner::forget_trigger(std::uint64_t job) {
  return std::erase_if(waiting_, [&](Served const& served) { return served.job == job; }) > 0;
}

Trigger Planner::strongest(std::vector<Served> const& batch) {
  Trigger out = Trigger::change;
  for (Served const& served : batch)
    if (strength(served.trigger) > strength(out)) out = served.trigger;
  return out;
}

void Planner::queued(Trigger trigger) {
  queue_.push_back(trigger);
  if (uploading_) arrived_.push_back(trigger);
}

std::optional<Monotonic> Planner::next_upload() const {
  if (queue_.empty()) return std::nullopt;
  Monotonic due{0};
  bool const only_compactions =
      std::all_of(queue_.begin(), queue_.end(), [](Trigger trigger) { return trigger == Trigger::compaction; });
  if (only_compactions && last_compaction_upload_) due = *last_compaction_upload_ + settings_.compaction_upload_interval;
  if (upload_not_before_) due = std::max(due, *upload_not_before_);
  return due;
}

bool Planner::upload_due(Monotonic now) const {
  auto const due = next_upload();
  return !uploading_ && due && *due <= now;
}

void Planner::uploaded(Trigger trigger, Monotonic now) {
  upload_failures_ = 0;
  upload_not_before_.reset();
  arrived_.clear();
  if (trigger == Trigger::compaction) last_compaction_upload_ = now;
}

void Planner::upload_ended(std::vector<Trigger> const& left) {
  uploading_ = false;
  queue_ = left;
  queue_.insert(queue_.end(), arrived_.begin(), arrived_.end());
  arrived_.clear();
}

void Planner::upload_failed(Monotonic now, std::vector<Trigger> const& left) {
  upload_ended(left);
  ++upload_failures_;
  upload_not_before_ = now + retry_delay(settings_, upload_failures_);
}

std::optional<Monotonic> Planner::next_wake(Monotonic now) const {
  std::optional<Monotonic> wake;
  auto const consider = [&](std::optional<Monotonic> when) {
    if (when && *when > now && (!wake || *when < *wake)) wake = when;
  };
  if (!waiting_.empty() && !capturing_) consider(capture_not_before_);
  if (!uploading_) consider(next_upload());
  return wake;
}

}  // namespace b2b
