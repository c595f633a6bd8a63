#include "core/engine/coordinator_impl.h"

#include "core/engine/prune.h"
#include "core/engine/queue_upload.h"
#include "core/util/log.h"

namespace b2b {

void Coordinator::Impl::upload() {
  Job job;
  job.stop = stop_all;
  std::vector<Trigger> left;
  bool any = false;
  bool safety_left = false;
  auto const done = [&]() -> Result<void> {
    B2B_ASSIGN(EngineContext context, context_for(job));
    {
      std::scoped_lock lock(mutex);
      uploading = job.progress;
    }
    B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "upload"));
    auto const safety = upload_pending_safety(context, false);
    if (!safety) log_warning("a safety snapshot waits on this machine and could not be uploaded: " + safety.error().text());
    auto const ended = upload_all(context, any);
    left = look_at_queue(context);
    B2B_TRY(ended);
    safety_left = !safety;
    if (any) {
      prune_after(context);
      look_at_records(context);
    }
    return {};
  }();
  std::vector<JobPointer> unanswered;
  {
    std::scoped_lock lock(mutex);
    uploading.reset();
    if (done && safety_left) {
      left.push_back(Trigger::manual);
      planner.upload_failed(now(), left);
    } else if (done) {
      planner.upload_ended(left);
    } else if (done.error().condition == Condition::cancelled) {
      planner.upload_ended(left);
    } else {
      if (left.empty()) left.push_back(Trigger::schedule);  // not known: something was there
      planner.upload_failed(now(), left);
    }
    if (!done) {
      for (auto& [id, waiting] : awaiting_upload)
        unanswered.insert(unanswered.end(), waiting.begin(), waiting.end());
      awaiting_upload.clear();
    }
    changed.notify_all();
  }
  if (done) return tell("uploads-ended", {});  // next_wake() may be another one now
  Error error = done.error();
  if (error.condition != Condition::cancelled) push_failed(error);
  error.message = "it is captured and waits on this machine, but could not be uploaded yet: " + error.message;
  for (JobPointer const& waiting : unanswered) end_push(waiting, error);
}

Result<void> Coordinator::Impl::upload_all(EngineContext& context, bool& any) {
  for (;;) {
    auto const first = list_queue(context);
    B2B_ASSIGN(auto const report, upload_oldest(context));
    if (!report) return {};
    any = true;
    std::int64_t captured_ns = options.clock->now().time_since_epoch().count();
    Trigger trigger = Trigger::manual;
    if (first) {
      for (QueuedCapture const& capture : *first) {
        if (capture.id.text != report->snapshot->text) continue;
        captured_ns = capture.started_ns;
        trigger = capture.trigger;
      }
    }
    push_succeeded(context, *report, captured_ns);
    look_at_queue(context);
    tell("uploaded", {{"snapshot", report->snapshot->text},
                      {"bytes", report->bytes_uploaded},
                      {"complete", report->complete},
                      {"trigger", trigger_name(trigger)},
                      {"seconds", report->seconds}});
    std::vector<JobPointer> arrived;
    {
      std::scoped_lock lock(mutex);
      planner.uploaded(trigger, now());
      if (auto const found = awaiting_upload.find(report->snapshot->text); found != awaiting_upload.end()) {
        arrived = std::move(found->second);
        awaiting_upload.erase(found);
      }
    }
    for (JobPointer const& job : arrived) end_push(job, *report);
    if (context.stop.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
  }
}

// A job like any other: shown by the status, and it can be cancelled. Nobody waits for it.
void Coordinator::Impl::prune_after(EngineContext& context) {
  JobPointer job;
  {
    std::scoped_lock lock(mutex);
    job = add("prune");
    job->started = true;
  }
  context.progress->phase = "pruning";  // for those who wait for the next upload
  EngineContext own = context;
  own.progress = job->progress;
  own.progress->phase = "pruning";
  own.stop = job->stop.get_token();
  std::stop_callback const forward_stop(context.stop, [&job] { job->stop.request_stop(); });
  auto const pruned = prune(own, PruneOptions{});
  forget(*job);
  if (!pruned && pruned.error().condition != Condition::cancelled) {
    log_warning("old snapshots were not pruned: " + pruned.error().text());
    std::scoped_lock lock(mutex);
    known.warnings.push_back("old snapshots were not pruned: " + pruned.error().text());
  }
  if (!pruned) return;
  std::scoped_lock lock(mutex);
  known.warnings.insert(known.warnings.end(), pruned->warnings.begin(), pruned->warnings.end());
}

}  // namespace b2b
