#include "core/engine/coordinator_impl.h"

#include "core/engine/durable_capture.h"
#include "core/engine/lock.h"
#include "core/engine/queue.h"
#include "core/engine/queue_upload.h"
#include "core/engine/restore.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

// Passing: the same job may succeed a little later, without anybody doing anything.
bool is_passing(Condition condition) {
  return condition == Condition::unreachable || condition == Condition::throttled || condition == Condition::busy ||
         condition == Condition::clock_skew || condition == Condition::changed;
}

}  // namespace

void Coordinator::Impl::recover() {
  Job job;
  job.stop = stop_all;
  auto const done = [&]() -> Result<void> {
    B2B_ASSIGN(EngineContext context, context_for(job));
    if (path_exists(context.config.state_dir)) {
      B2B_ASSIGN(DataLock const lock, DataLock::acquire(context.config.state_dir, "recovery"));
      B2B_ASSIGN(auto const sentences, recover_restores(context));
      for (std::string const& sentence : sentences) log_warning(sentence);
      B2B_TRY(clear_unfinished_captures(context));
      B2B_TRY(finish_captures(context));
    }
    // Should another process hold the lock, it or our next upload does this.
    if (auto const lock = UploadLock::acquire(context, "recovery")) B2B_TRY(clear_removed_captures(context));
    read_last_good(context);
    look_at_records(context);
    auto waiting = look_at_queue(context);
    if (auto const safety = waiting_safeties(context); safety && !safety->empty()) waiting.push_back(Trigger::manual);
    std::scoped_lock lock(mutex);
    for (Trigger const trigger : waiting) planner.queued(trigger);
    return {};
  }();
  {
    std::scoped_lock lock(mutex);
    recovered = done.has_value();
    if (!done) {
      ++recover_failures;
      recover_not_before = now() + retry_delay(options.planner, recover_failures);
    }
    changed.notify_all();
  }
  if (done) return tell("recovered", {});
  if (done.error().condition == Condition::cancelled) return;
  push_failed(done.error());
  log_warning(done.error().text());
}

void Coordinator::Impl::capture(std::vector<Planner::Served> const& batch) {
  std::vector<JobPointer> served;
  bool compaction = false;
  {
    std::scoped_lock lock(mutex);
    for (Planner::Served const& item : batch) {
      auto const found = jobs.find(item.job);
      if (found == jobs.end()) continue;
      found->second->started = true;
      served.push_back(found->second);
      compaction = compaction || item.trigger == Trigger::compaction;
    }
  }
  if (served.empty()) {
    std::scoped_lock lock(mutex);
    planner.capture_ended();
    return;
  }
  Trigger const trigger = Planner::strongest(batch);
  bool answered = false;
  auto const answer = [&](PushReport const& report) {
    answered = true;
    tell("captured", {{"snapshot", report.snapshot->text}, {"trigger", trigger_name(trigger)}});
    for (JobPointer const& job : served) tell_captured(*job, report);
  };
  bool in_store = false;
  auto const report = [&]() -> Result<PushReport> {
    B2B_ASSIGN(EngineContext context, context_for(*served.front()));
    CaptureOrder order;
    order.trigger = trigger;
    order.queue_limit_bytes = context.config.limits.spool_bytes;
    if (compaction) {
      order.durable = [&](PushReport const& durable) {
        look_at_queue(context);
        answer(durable);
      };
    }
    auto captured = capture_to_queue(context, order);
    bool const push_instead = !captured && captured.error().retryable &&
                              (captured.error().condition == Condition::refused || captured.error().condition == Condition::no_space);
    if (push_instead) {
      in_store = true;
      captured = push_at_once(context, trigger);
    }
    look_at_queue(context);
    return captured;
  }();
  if (!report) return capture_failed(batch, served, trigger, report.error());
  if (report->snapshot && !in_store && !answered) answer(*report);
  if (!report->snapshot || in_store)
    for (JobPointer const& job : served) tell_captured(*job, *report);
  settle(served, trigger, *report, in_store);
}

Result<PushReport> Coordinator::Impl::push_at_once(EngineContext& context, Trigger trigger) {
  {
    std::unique_lock lock(mutex);
    uploads_held = true;
    changed.wait(lock, [&] { return lane_busy[1] == 0 || context.stop.stop_requested() || closing; });
  }
  // Ends with its own job, and with the daemon: what is uploaded by then is taken up again.
  std::stop_source stop;
  std::stop_callback const cancelled(context.stop, [&] { stop.request_stop(); });
  std::stop_callback const ending_all(stop_all.get_token(), [&] { stop.request_stop(); });
  context.stop = stop.get_token();
  std::int64_t const began = options.clock->now().time_since_epoch().count();
  PushOptions how;
  how.trigger = trigger;
  auto pushed = b2b::push(context, how);
  if (pushed) push_succeeded(context, *pushed, began);
  if (pushed && pushed->snapshot)
    tell("uploaded", {{"snapshot", pushed->snapshot->text},
                      {"bytes", pushed->bytes_uploaded},
                      {"complete", pushed->complete},
                      {"trigger", trigger_name(trigger)}});
  auto const left = look_at_queue(context);
  std::scoped_lock lock(mutex);
  uploads_held = false;
  planner.upload_ended(left);
  changed.notify_all();
  return pushed;
}

void Coordinator::Impl::capture_failed(std::vector<Planner::Served> const& batch, std::vector<JobPointer> const& served, Trigger trigger,
                    Error const& error) {
  bool const passing = is_passing(error.condition) || error.condition == Condition::no_space;
  std::vector<Planner::Served> again;
  std::vector<JobPointer> answered;
  std::vector<std::function<void(Error const&)>> postponed;
  {
    std::scoped_lock lock(mutex);
    for (Planner::Served const& item : batch) {
      // Somebody waits for a manual push: they hear of it now. A lock that is taken passes soon.
      bool const waits_on = passing && !closing && (item.trigger != Trigger::manual || error.condition == Condition::busy);
      for (JobPointer const& job : served) {
        if (job->id != item.job) continue;
        if (waits_on && !job->stop.stop_requested()) {
          job->started = false;
          again.push_back(item);
          if (job->push.postponed && error.condition != Condition::busy) postponed.push_back(job->push.postponed);
        } else {
          answered.push_back(job);
        }
      }
    }
    if (again.empty()) {
      planner.capture_ended();
    } else {
      planner.capture_postponed(again, now(), error.condition == Condition::busy);
    }
  }
  if (error.condition != Condition::cancelled && error.condition != Condition::busy) push_failed(error);
  if (error.condition == Condition::cancelled || error.condition == Condition::busy)
    log_info("push (" + std::string(trigger_name(trigger)) + "): " + error.text());
  for (JobPointer const& job : answered) {
    tell_captured(*job, error);
    end_push(job, error);
  }
  tell("waiting", {{"reason", error.text()}});
  for (auto const& tell_postponed : postponed) tell_postponed(error);
}

void Coordinator::Impl::settle(std::vector<JobPointer> const& served, Trigger trigger, PushReport const& report, bool in_store) {
  std::vector<JobPointer> done;
  {
    std::scoped_lock lock(mutex);
    planner.capture_ended();
    if (report.snapshot && !in_store) {
      planner.queued(trigger);
      auto& waiting = awaiting_upload[report.snapshot->text];
      waiting.insert(waiting.end(), served.begin(), served.end());
    } else if (!in_store && !queue.empty()) {
      auto& waiting = awaiting_upload[queue.back().id];  // as in the newest capture, which still has to arrive
      waiting.insert(waiting.end(), served.begin(), served.end());
    } else {
      done = served;
    }
    changed.notify_all();
  }
  if (done.empty()) return tell("queued", {});  // next_wake() may be another one now
  if (!in_store) nothing_changed(report);
  for (JobPointer const& job : done) end_push(job, report);
}

void Coordinator::Impl::nothing_changed(PushReport const& report) {
  Job job;
  auto context = context_for(job);
  if (context) push_succeeded(*context, report, options.clock->now().time_since_epoch().count());
}

}  // namespace b2b
