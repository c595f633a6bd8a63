#include "core/engine/coordinator_impl.h"

#include <malloc.h>

#include <algorithm>

namespace b2b {

namespace json = boost::json;

namespace {

// `first` becomes a call of both.
template <class Argument>
void both(std::function<void(Argument)>& first, std::function<void(Argument)> second) {
  if (!second) return;
  if (!first) {
    first = std::move(second);
    return;
  }
  first = [one = std::move(first), other = std::move(second)](Argument argument) {
    one(argument);
    other(argument);
  };
}

}  // namespace

Result<EngineContext> Coordinator::Impl::context_for(Job const& job) {
  std::unique_lock lock(mutex);
  if (!engine) {
    if (!opening_since) opening_since = now();
    lock.unlock();
    auto opened = options.open(stop_all.get_token());
    lock.lock();
    opening_since.reset();
    if (!opened) return opened.error();
    if (!engine) engine = std::move(*opened);
  }
  EngineContext context = *engine;
  context.progress = job.progress;
  context.stop = job.stop.get_token();
  context.uploads_follow = true;
  return context;
}

void Coordinator::Impl::let_go_when_idle(std::unique_lock<std::mutex>& lock) {
  if (lane_busy[0] + lane_busy[1] + lane_busy[2] > 0 || !engine) return;
  auto old = std::move(engine);
  engine.reset();
  lock.unlock();
  old.reset();
  ::malloc_trim(0);
  lock.lock();
}

JobId Coordinator::Impl::join_waiting(PushJob& push) {
  if (push.finished) return 0;
  for (auto const& item : jobs) {
    Job& job = *item.second;
    if (job.work || job.started || job.push.finished || job.push.trigger != push.trigger || job.stop.stop_requested()) continue;
    both(job.push.captured, std::move(push.captured));
    both(job.push.postponed, std::move(push.postponed));
    return job.id;
  }
  return 0;
}

Coordinator::Impl::JobPointer Coordinator::Impl::add(std::string what, JobId id) {
  auto job = std::make_shared<Job>();
  job->id = id != 0 ? id : ++last_id;
  job->what = std::move(what);
  if (closing) job->stop.request_stop();
  jobs.emplace(job->id, job);
  return job;
}

void Coordinator::Impl::forget(Job const& job) {
  std::scoped_lock lock(mutex);
  jobs.erase(job.id);
  changed.notify_all();
}

void Coordinator::Impl::end_push(JobPointer const& job, Result<PushReport> const& report) {
  forget(*job);
  if (job->push.finished) job->push.finished(report);
  json::object data{{"job", job->id}, {"what", job->what}, {"ok", report.has_value()}};
  if (report && report->snapshot) data["snapshot"] = report->snapshot->text;
  if (report) data["unchanged"] = report->unchanged;
  if (!report) data["error"] = report.error().text();
  tell("job", std::move(data));
}

void Coordinator::Impl::tell_captured(Job& job, Result<PushReport> const& report) {
  if (!job.push.captured) return;
  auto const captured = std::move(job.push.captured);
  job.push.captured = nullptr;
  captured(report);
}

void Coordinator::Impl::run_task(JobPointer const& job) {
  auto const result = [&]() -> Result<json::object> {
    if (job->stop.stop_requested()) return make_error(Condition::cancelled, "it was cancelled before it began");
    if (job->bare) {
      EngineContext context;
      context.clock = options.clock;
      context.progress = job->progress;
      context.stop = job->stop.get_token();
      return job->work(context);
    }
    B2B_ASSIGN(EngineContext context, context_for(*job));
    auto const waited = waiting_safeties(context);
    auto answer = job->work(context);
    look_at_records(context);
    auto const wait = waiting_safeties(context);
    bool const any_new = waited && wait && std::any_of(wait->begin(), wait->end(), [&](std::string const& name) {
                           return std::find(waited->begin(), waited->end(), name) == waited->end();
                         });
    if (any_new) {
      std::scoped_lock lock(mutex);
      planner.queued(Trigger::manual);  // like a capture: sent soon, and again until it is there
    }
    return answer;
  }();
  forget(*job);
  if (job->finished) job->finished(result);
  json::object data{{"job", job->id}, {"what", job->what}, {"ok", result.has_value()}};
  if (!result) data["error"] = result.error().text();
  tell("job", std::move(data));
}

Coordinator::Impl::Next Coordinator::Impl::next_of(Lane lane) {
  auto const index = static_cast<std::size_t>(lane);
  if (lane == Lane::capture && !recovered && !ending && (!recover_not_before || *recover_not_before <= now())) return Next::recover;
  if (!tasks[index].empty()) return Next::task;
  if (lane == Lane::capture && recovered && !capture_batch.empty()) return Next::capture;
  if (lane == Lane::upload && !closing && !uploads_held && recovered && planner.upload_due(now())) return Next::upload;
  return Next::end;
}

bool Coordinator::Impl::has_work(Lane lane) {
  if (lane == Lane::capture && recovered && capture_batch.empty() && !ending && tasks[0].empty())
    capture_batch = planner.begin_capture(now());
  return next_of(lane) != Next::end;
}

void Coordinator::Impl::live(Lane lane) {
  auto const index = static_cast<std::size_t>(lane);
  bool busy = lane == Lane::capture;
  std::unique_lock lock(mutex);
  for (;;) {
    if (!has_work(lane)) {
      if (busy) {
        busy = false;
        --lane_busy[index];
        let_go_when_idle(lock);
        changed.notify_all();
        continue;  // the lock was let go: look again
      }
      if (ending) return;
      changed.wait(lock);
      continue;
    }
    if (!busy) ++lane_busy[index];
    busy = true;
    Next const next = next_of(lane);
    JobPointer job;
    std::vector<Planner::Served> batch;
    if (next == Next::task) {
      job = std::move(tasks[index].front());
      tasks[index].pop_front();
      job->started = true;
    } else if (next == Next::capture) {
      batch.swap(capture_batch);
    } else if (next == Next::upload) {
      planner.upload_begins();
    }
    lock.unlock();
    switch (next) {
      case Next::recover: recover(); break;
      case Next::task: run_task(job); break;
      case Next::capture: capture(batch); break;
      case Next::upload: upload(); break;
      case Next::end: break;
    }
    job.reset();
    lock.lock();
    changed.notify_all();
  }
}

bool Coordinator::Impl::at_rest() const {
  if (lane_busy[0] + lane_busy[1] + lane_busy[2] > 0 || !capture_batch.empty()) return false;
  for (auto const& lane : tasks)
    if (!lane.empty()) return false;
  if (!recovered) return recover_not_before && *recover_not_before > now();
  return !planner.capture_ready(now()) && (closing || uploads_held || !planner.upload_due(now()));
}
Coordinator::Coordinator(CoordinatorOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  for (Lane const lane : {Lane::capture, Lane::upload, Lane::reading, Lane::reading})
    impl_->threads.emplace_back([this, lane] { impl_->live(lane); });
}

Coordinator::~Coordinator() {
  if (impl_->threads.empty()) return;
  std::stop_source at_once;
  at_once.request_stop();
  stop(at_once.get_token());
}

JobId Coordinator::push(PushJob push) {
  Impl& impl = *impl_;
  Impl::JobPointer job;
  {
    std::scoped_lock lock(impl.mutex);
    if (JobId const joined = impl.closing ? 0 : impl.join_waiting(push); joined != 0) return joined;
    if (!impl.closing) {
      job = impl.add("push (" + std::string(trigger_name(push.trigger)) + ")");
      Trigger const trigger = push.trigger;
      job->push = std::move(push);
      impl.planner.triggered(job->id, trigger);
      impl.changed.notify_all();
      return job->id;
    }
  }
  Error const error = Impl::closing_error();
  if (push.captured) push.captured(error);
  if (push.finished) push.finished(error);
  return 0;
}

JobId Coordinator::reserve() {
  std::scoped_lock lock(impl_->mutex);
  return ++impl_->last_id;
}

JobId Coordinator::Impl::add_task(Lane lane, bool bare, std::string what, Work work, Finished finished, JobId id) {
  {
    std::scoped_lock lock(mutex);
    if (!closing) {
      JobPointer const job = add(std::move(what), id);
      job->work = std::move(work);
      job->finished = std::move(finished);
      job->bare = bare;
      tasks[static_cast<std::size_t>(lane)].push_back(job);
      changed.notify_all();
      return job->id;
    }
  }
  if (finished) finished(closing_error());
  return 0;
}

JobId Coordinator::run(Lane lane, std::string what, Work work, Finished finished, JobId id) {
  return impl_->add_task(lane, false, std::move(what), std::move(work), std::move(finished), id);
}

JobId Coordinator::run_bare(std::string what, Work work, Finished finished, JobId id) {
  return impl_->add_task(Lane::reading, true, std::move(what), std::move(work), std::move(finished), id);
}

bool Coordinator::cancel(JobId id) {
  Impl& impl = *impl_;
  Impl::JobPointer forgotten;
  {
    std::scoped_lock lock(impl.mutex);
    auto const found = impl.jobs.find(id);
    if (found == impl.jobs.end()) return false;
    found->second->stop.request_stop();
    if (impl.planner.forget_trigger(id)) {
      forgotten = found->second;
      impl.jobs.erase(found);  // nobody joins it any more
    }
    impl.changed.notify_all();
  }
  if (forgotten) {
    Error const error = make_error(Condition::cancelled, "it was cancelled before it began");
    Impl::tell_captured(*forgotten, error);
    impl.end_push(forgotten, error);
  }
  return true;
}

void Coordinator::tick() {
  std::scoped_lock lock(impl_->mutex);
  impl_->changed.notify_all();
}

std::optional<std::chrono::nanoseconds> Coordinator::next_wake() const {
  std::scoped_lock lock(impl_->mutex);
  Monotonic const now = impl_->now();
  auto wake = impl_->planner.next_wake(now);
  if (!impl_->recovered && impl_->recover_not_before && (!wake || *impl_->recover_not_before < *wake)) wake = impl_->recover_not_before;
  if (!wake) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(*wake - now, std::chrono::nanoseconds(0));
}

CoordinatorStatus Coordinator::status() const {
  Impl const& impl = *impl_;
  std::scoped_lock lock(impl.mutex);
  CoordinatorStatus out = impl.known;
  for (auto const& item : impl.jobs) {
    JobId const id = item.first;
    auto const& job = item.second;
    CoordinatorStatus::Running running;
    running.id = id;
    running.what = job->what;
    bool const waits_for_upload = std::any_of(impl.awaiting_upload.begin(), impl.awaiting_upload.end(), [&](auto const& waiting) {
      return std::find(waiting.second.begin(), waiting.second.end(), job) != waiting.second.end();
    });
    Progress const& progress = waits_for_upload && impl.uploading ? *impl.uploading : *job->progress;
    running.phase = !job->started ? "waiting" : waits_for_upload && !impl.uploading ? "waiting for its upload" : progress.phase.load();
    running.files_done = progress.files_done;
    running.files_total = progress.files_total;
    running.bytes_done = progress.bytes_done;
    running.bytes_total = progress.bytes_total;
    out.running.push_back(std::move(running));
  }
  if (auto const since = impl.silent_since()) {
    out.store_reachable = false;
    out.not_answering_since = impl.options.clock->now() - (impl.now() - *since);
  }
  out.queue = impl.queue;
  for (auto const& waiting : impl.queue) out.queue_bytes += waiting.bytes;
  if (auto const next = impl.planner.next_upload(); next && !impl.uploading)
    out.next_upload_in = std::max<std::chrono::nanoseconds>(*next - impl.now(), std::chrono::nanoseconds(0));
  return out;
}

bool Coordinator::idle() const {
  std::scoped_lock lock(impl_->mutex);
  return impl_->at_rest();
}

void Coordinator::wait_idle() {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->at_rest(); });
}

void Coordinator::configure(PlannerSettings const& planner) {
  std::scoped_lock lock(impl_->mutex);
  impl_->planner.configure(planner);
  impl_->engine.reset();
}

void Coordinator::try_uploads_now() {
  std::scoped_lock lock(impl_->mutex);
  impl_->planner.try_uploads_now();
  impl_->changed.notify_all();
}

void Coordinator::stop(std::stop_token until) {
  Impl& impl = *impl_;
  std::stop_callback const out_of_time(until, [&] {
    impl.stop_all.request_stop();
    std::scoped_lock lock(impl.mutex);
    for (auto const& [id, job] : impl.jobs) job->stop.request_stop();
    impl.changed.notify_all();
  });
  {
    std::unique_lock lock(impl.mutex);
    impl.closing = true;
    // Uploads and all other work end now; captures may finish.
    impl.stop_all.request_stop();
    for (auto const& [id, job] : impl.jobs)
      if (job->work) job->stop.request_stop();
    impl.changed.notify_all();
    impl.changed.wait(lock, [&] {
      bool const captures = impl.lane_busy[0] > 0 || !impl.capture_batch.empty() || (impl.recovered && impl.planner.capture_ready(impl.now()));
      return !captures || until.stop_requested();
    });
    for (auto const& [id, job] : impl.jobs) job->stop.request_stop();
    impl.ending = true;
    impl.changed.notify_all();
  }
  for (std::thread& thread : impl.threads) thread.join();
  impl.threads.clear();
  // Whoever still waits hears that it is over.
  std::vector<Impl::JobPointer> left;
  {
    std::scoped_lock lock(impl.mutex);
    for (auto const& [id, job] : impl.jobs) left.push_back(job);
    impl.awaiting_upload.clear();
  }
  for (Impl::JobPointer const& job : left) {
    Error const error = Impl::closing_error();
    if (job->work) {
      impl.forget(*job);
      if (job->finished) job->finished(error);
      continue;
    }
    Impl::tell_captured(*job, error);
    impl.end_push(job, error);
  }
}

}  // namespace b2b
