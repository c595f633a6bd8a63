#include "core/engine/coordinator.h"

#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "core/engine/bucket.h"
#include "core/engine/durable_capture.h"
#include "core/engine/lock.h"
#include "core/engine/prune.h"
#include "core/engine/queue_upload.h"
#include "core/engine/restore.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

namespace json = boost::json;

// Passing: the same job may succeed a little later, without anybody doing anything.
bool is_passing(Condition condition) {
  return condition == Condition::unreachable || condition == Condition::throttled || condition == Condition::busy ||
         condition == Condition::clock_skew;
}

bool says_store_is_away(Condition condition) {
  return condition == Condition::unreachable || condition == Condition::throttled;
}

struct Job {
  JobId id = 0;
  std::string what;
  std::shared_ptr<Progress> progress = std::make_shared<Progress>();
  std::stop_source stop;
  bool started = false;
  PushJob push;                              // pushes only
  Coordinator::Work work;                    // the others
  Coordinator::Finished finished;
};
using JobPointer = std::shared_ptr<Job>;

}  // namespace

struct Coordinator::Impl {
  explicit Impl(CoordinatorOptions options_in) : options(std::move(options_in)), planner(options.planner) {}

  CoordinatorOptions const options;
  mutable std::mutex mutex;                  // everything below
  std::condition_variable changed;
  Planner planner;
  JobId last_id = 0;
  std::map<JobId, JobPointer> jobs;          // waiting and running
  std::deque<JobPointer> tasks[3];           // by lane
  bool lane_busy[3] = {true, false, false};  // the capture lane begins with what an earlier process left
  bool uploads_held = false;                 // a push that uploads while it captures has the upload lane's place
  std::map<std::string, std::vector<JobPointer>> awaiting_upload;  // by snapshot id
  std::optional<EngineContext> engine;       // while jobs run
  bool recovered = false;                    // what an earlier process left is in order
  std::optional<Monotonic> recover_not_before;
  unsigned recover_failures = 0;
  bool closing = false;                      // no new jobs
  bool ending = false;                       // lanes end
  std::stop_source stop_all;
  std::vector<CoordinatorStatus::Waiting> queue;
  CoordinatorStatus known;                   // last_good, last_error, store_reachable, warnings
  std::vector<std::thread> threads;

  Monotonic now() const { return options.clock->monotonic(); }

  void tell(std::string_view event, json::object data) const {
    if (options.event) options.event(event, data);
  }

  // Engine. Callers do not hold the mutex.

  Result<EngineContext> context_for(Job const& job) {
    std::unique_lock lock(mutex);
    if (!engine) {
      lock.unlock();
      auto opened = options.open(stop_all.get_token());
      if (!opened) return opened.error();
      lock.lock();
      if (!engine) engine = std::move(*opened);
    }
    EngineContext context = *engine;
    context.progress = job.progress;
    context.stop = job.stop.get_token();
    return context;
  }

  void let_go_when_idle(std::unique_lock<std::mutex>& lock) {
    bool const busy = lane_busy[0] || lane_busy[1] || lane_busy[2];
    if (busy || !engine) return;
    auto old = std::move(engine);
    engine.reset();
    lock.unlock();
    old.reset();
    ::malloc_trim(0);
    lock.lock();
  }

  // Jobs.

  JobPointer add(std::string what) {
    auto job = std::make_shared<Job>();
    job->id = ++last_id;
    job->what = std::move(what);
    if (closing) job->stop.request_stop();
    jobs.emplace(job->id, job);
    return job;
  }

  void forget(Job const& job) {
    std::scoped_lock lock(mutex);
    jobs.erase(job.id);
    changed.notify_all();
  }

  static Error closing_error() { return make_error(Condition::cancelled, "the daemon is stopping", "Try again when it runs"); }

  void end_push(JobPointer const& job, Result<PushReport> const& report) {
    forget(*job);
    if (job->push.finished) job->push.finished(report);
    json::object data{{"job", job->id}, {"what", job->what}, {"ok", report.has_value()}};
    if (report && report->snapshot) data["snapshot"] = report->snapshot->text;
    if (report) data["unchanged"] = report->unchanged;
    if (!report) data["error"] = report.error().text();
    tell("job", std::move(data));
  }

  static void tell_captured(Job& job, Result<PushReport> const& report) {
    if (!job.push.captured) return;
    auto const captured = std::move(job.push.captured);
    job.push.captured = nullptr;
    captured(report);
  }

  // Records.

  void push_failed(Error const& error) {
    {
      std::scoped_lock lock(mutex);
      known.last_error = error.text();
      known.last_error_time = options.clock->now();
      if (says_store_is_away(error.condition)) known.store_reachable = false;
    }
    tell("failed", {{"error", error.text()}, {"code", condition_name(error.condition)}});
  }

  void push_succeeded(EngineContext& context, PushReport const& report, std::int64_t captured_ns) {
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

  std::string last_good_suffix() const {
    std::scoped_lock lock(mutex);
    return known.last_good ? " " + *known.last_good : std::string();
  }

  void read_last_good(EngineContext& context) {
    auto const text = context.index->value("last-good");
    if (!text || !*text) return;
    std::scoped_lock lock(mutex);
    auto const space = (*text)->find(' ');
    known.last_good_time = TimePoint(std::chrono::nanoseconds(std::strtoll((*text)->c_str(), nullptr, 10)));
    if (space != std::string::npos) known.last_good = (*text)->substr(space + 1);
  }

  void look_at_records(EngineContext& context) {
    CoordinatorStatus::Bucket bucket;
    bucket.store = target_name(context);
    auto const remembered = context.index->remembered_snapshots(bucket.store);
    auto const paused = context.index->value("prune-paused");
    if (!remembered || !paused) return;
    for (Index::Remembered const& snapshot : *remembered) {
      ++bucket.snapshots;
      bucket.bytes += snapshot.info.bytes;
      auto const& host = snapshot.info.host;
      bool const other = !snapshot.info.instance.empty() && snapshot.info.instance != context.instance.id;
      if (other && std::find(bucket.other_instances.begin(), bucket.other_instances.end(), host) == bucket.other_instances.end())
        bucket.other_instances.push_back(host);
    }
    std::scoped_lock lock(mutex);
    known.bucket = std::move(bucket);
    known.prune_paused = paused->has_value();
  }

  std::vector<Trigger> look_at_queue(EngineContext& context) {
    std::vector<Trigger> triggers;
    auto const listed = list_queue(context);
    if (!listed) {
      log_error(listed.error().text());
      return triggers;
    }
    std::scoped_lock lock(mutex);
    queue.clear();
    for (QueuedCapture const& capture : *listed) {
      queue.push_back({capture.id.text, capture.trigger, TimePoint(std::chrono::nanoseconds(capture.started_ns)), capture.bytes,
                       capture.skipped.empty()});
      if (capture.target == target_name(context)) triggers.push_back(capture.trigger);
    }
    return triggers;
  }

  // Capture lane.

  // Puts in order what an earlier process left: swaps, unchecked captures, the queue.
  void recover() {
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
      read_last_good(context);
      look_at_records(context);
      auto const waiting = look_at_queue(context);
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

  void capture(std::vector<Planner::Served> const& batch) {
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

  // Without a record to build on, or with more than the queue may hold: captured and uploaded at once.
  Result<PushReport> push_at_once(EngineContext& context, Trigger trigger) {
    {
      std::unique_lock lock(mutex);
      uploads_held = true;
      changed.wait(lock, [&] { return !lane_busy[1] || context.stop.stop_requested() || closing; });
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
    auto const left = look_at_queue(context);
    std::scoped_lock lock(mutex);
    uploads_held = false;
    planner.upload_ended(left);
    changed.notify_all();
    return pushed;
  }

  void capture_failed(std::vector<Planner::Served> const& batch, std::vector<JobPointer> const& served, Trigger trigger,
                      Error const& error) {
    bool const passing = is_passing(error.condition);
    std::vector<Planner::Served> again;
    std::vector<JobPointer> answered;
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
    // Those that wait on have an answer about their capture now: there is none yet. (A lock is taken for moments only.)
    tell("waiting", {{"reason", error.text()}});
    if (error.condition == Condition::busy) return;
    for (JobPointer const& job : served)
      if (std::find(answered.begin(), answered.end(), job) == answered.end()) tell_captured(*job, error);
  }

  void settle(std::vector<JobPointer> const& served, Trigger trigger, PushReport const& report, bool in_store) {
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

  void nothing_changed(PushReport const& report) {
    Job job;
    auto context = context_for(job);
    if (context) push_succeeded(*context, report, options.clock->now().time_since_epoch().count());
  }

  // Upload lane.

  void upload() {
    Job job;
    job.stop = stop_all;
    std::vector<Trigger> left;
    bool any = false;
    auto const done = [&]() -> Result<void> {
      B2B_ASSIGN(EngineContext context, context_for(job));
      {
        std::scoped_lock lock(mutex);
        uploading = job.progress;
      }
      B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "upload"));
      if (auto const sent = upload_pending_safety(context, false); !sent)
        log_warning("a safety snapshot waits on this machine and could not be uploaded: " + sent.error().text());
      auto const ended = upload_all(context, any);
      left = look_at_queue(context);
      B2B_TRY(ended);
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
      if (done) {
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

  Result<void> upload_all(EngineContext& context, bool& any) {
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
                        {"trigger", trigger_name(trigger)}});
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

  void prune_after(EngineContext& context) {
    context.progress->phase = "pruning";
    auto const pruned = prune(context, PruneOptions{});
    if (!pruned && pruned.error().condition != Condition::cancelled) {
      log_warning("old snapshots were not pruned: " + pruned.error().text());
      std::scoped_lock lock(mutex);
      known.warnings.push_back("old snapshots were not pruned: " + pruned.error().text());
    }
    if (!pruned) return;
    std::scoped_lock lock(mutex);
    known.warnings.insert(known.warnings.end(), pruned->warnings.begin(), pruned->warnings.end());
  }

  // Any lane.

  void run_task(JobPointer const& job) {
    auto const result = [&]() -> Result<json::object> {
      if (job->stop.stop_requested()) return make_error(Condition::cancelled, "it was cancelled before it began");
      B2B_ASSIGN(EngineContext context, context_for(*job));
      auto answer = job->work(context);
      look_at_records(context);
      return answer;
    }();
    forget(*job);
    if (job->finished) job->finished(result);
    json::object data{{"job", job->id}, {"what", job->what}, {"ok", result.has_value()}};
    if (!result) data["error"] = result.error().text();
    tell("job", std::move(data));
  }

  enum class Next { end, recover, task, capture, upload };

  Next next_of(Lane lane) {
    auto const index = static_cast<std::size_t>(lane);
    if (lane == Lane::capture && !recovered && !ending && (!recover_not_before || *recover_not_before <= now())) return Next::recover;
    if (!tasks[index].empty()) return Next::task;
    if (lane == Lane::capture && recovered && !capture_batch.empty()) return Next::capture;
    if (lane == Lane::upload && !closing && !uploads_held && recovered && planner.upload_due(now())) return Next::upload;
    return Next::end;
  }

  // Is there something for this lane to do? For the capture lane this takes the batch.
  bool has_work(Lane lane) {
    if (lane == Lane::capture && recovered && capture_batch.empty() && !ending && tasks[0].empty())
      capture_batch = planner.begin_capture(now());
    return next_of(lane) != Next::end;
  }

  void live(Lane lane) {
    auto const index = static_cast<std::size_t>(lane);
    std::unique_lock lock(mutex);
    for (;;) {
      if (!has_work(lane)) {
        if (lane_busy[index]) {
          lane_busy[index] = false;
          let_go_when_idle(lock);
          changed.notify_all();
          continue;  // the lock was let go: look again
        }
        if (ending) return;
        changed.wait(lock);
        continue;
      }
      lane_busy[index] = true;
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

  // Callers hold the mutex.
  bool at_rest() const {
    if (lane_busy[0] || lane_busy[1] || lane_busy[2] || !capture_batch.empty()) return false;
    for (auto const& lane : tasks)
      if (!lane.empty()) return false;
    if (!recovered) return recover_not_before && *recover_not_before > now();
    return !planner.capture_ready(now()) && (closing || uploads_held || !planner.upload_due(now()));
  }

  std::vector<Planner::Served> capture_batch;     // taken from the planner, not begun yet
  std::shared_ptr<Progress> uploading;            // while the upload lane is at it
};

Coordinator::Coordinator(CoordinatorOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  for (Lane const lane : {Lane::capture, Lane::upload, Lane::reading})
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
  JobPointer job;
  {
    std::scoped_lock lock(impl.mutex);
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

JobId Coordinator::run(Lane lane, std::string what, Work work, Finished finished) {
  Impl& impl = *impl_;
  {
    std::scoped_lock lock(impl.mutex);
    if (!impl.closing) {
      JobPointer const job = impl.add(std::move(what));
      job->work = std::move(work);
      job->finished = std::move(finished);
      impl.tasks[static_cast<std::size_t>(lane)].push_back(job);
      impl.changed.notify_all();
      return job->id;
    }
  }
  if (finished) finished(Impl::closing_error());
  return 0;
}

bool Coordinator::cancel(JobId id) {
  Impl& impl = *impl_;
  JobPointer forgotten;
  {
    std::scoped_lock lock(impl.mutex);
    auto const found = impl.jobs.find(id);
    if (found == impl.jobs.end()) return false;
    found->second->stop.request_stop();
    if (impl.planner.forget_trigger(id)) forgotten = found->second;
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
  for (auto const& [id, job] : impl.jobs) {
    CoordinatorStatus::Running running;
    running.id = id;
    running.what = job->what;
    bool const waits_for_upload = std::any_of(impl.awaiting_upload.begin(), impl.awaiting_upload.end(), [&](auto const& item) {
      return std::find(item.second.begin(), item.second.end(), job) != item.second.end();
    });
    Progress const& progress = waits_for_upload && impl.uploading ? *impl.uploading : *job->progress;
    running.phase = !job->started ? "waiting" : waits_for_upload && !impl.uploading ? "waiting for its upload" : progress.phase.load();
    running.files_done = progress.files_done;
    running.files_total = progress.files_total;
    running.bytes_done = progress.bytes_done;
    running.bytes_total = progress.bytes_total;
    out.running.push_back(std::move(running));
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
      bool const captures = impl.lane_busy[0] || !impl.capture_batch.empty() || (impl.recovered && impl.planner.capture_ready(impl.now()));
      return !captures || until.stop_requested();
    });
    for (auto const& [id, job] : impl.jobs) job->stop.request_stop();
    impl.ending = true;
    impl.changed.notify_all();
  }
  for (std::thread& thread : impl.threads) thread.join();
  impl.threads.clear();
  // Whoever still waits hears that it is over.
  std::vector<JobPointer> left;
  {
    std::scoped_lock lock(impl.mutex);
    for (auto const& [id, job] : impl.jobs) left.push_back(job);
    impl.awaiting_upload.clear();
  }
  for (JobPointer const& job : left) {
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
