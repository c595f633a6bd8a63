// Inside of the coordinator: its state, and what its lanes do with it. Only coordinator*.cpp includes this.
//   coordinator.cpp          the interface, and how threads live
//   coordinator_capture.cpp  the capture lane
//   coordinator_upload.cpp   the upload lane
//   coordinator_records.cpp  what is known and told
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "core/engine/coordinator.h"

namespace b2b {

struct CoordinatorJob {
  JobId id = 0;
  std::string what;
  std::shared_ptr<Progress> progress = std::make_shared<Progress>();
  std::stop_source stop;
  bool started = false;
  PushJob push;                              // pushes only
  Coordinator::Work work;                    // the others
  bool bare = false;                         // without the engine
  Coordinator::Finished finished;
};

struct Coordinator::Impl {
  using Job = CoordinatorJob;
  using JobPointer = std::shared_ptr<CoordinatorJob>;

  explicit Impl(CoordinatorOptions options_in);

  CoordinatorOptions const options;
  mutable std::mutex mutex;                  // everything below
  std::condition_variable changed;
  Planner planner;
  JobId last_id = 0;
  std::map<JobId, JobPointer> jobs;          // waiting and running
  std::deque<JobPointer> tasks[3];           // by lane
  int lane_busy[3] = {1, 0, 0};              // threads at work; the capture lane begins with what an earlier process left
  bool uploads_held = false;                 // a push that uploads while it captures has the upload lane's place
  std::map<std::string, std::vector<JobPointer>> awaiting_upload;  // by snapshot id
  std::optional<EngineContext> engine;       // while jobs run
  std::optional<Monotonic> opening_since;    // it is being opened, which may ask the store
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

  void tell(std::string_view event, boost::json::object data) const {
    if (options.event) options.event(event, data);
  }

  // Engine. Callers do not hold the mutex.
  Result<EngineContext> context_for(Job const& job);
  void let_go_when_idle(std::unique_lock<std::mutex>& lock);

  // Jobs.
  JobPointer add(std::string what, JobId id = 0);
  JobId add_task(Lane lane, bool bare, std::string what, Coordinator::Work work, Coordinator::Finished finished, JobId id);
  JobId join_waiting(PushJob& push);         // 0: there is none like it; callers hold the mutex
  void forget(Job const& job);
  static Error closing_error() { return make_error(Condition::cancelled, "the daemon is stopping", "Try again when it runs"); }
  void end_push(JobPointer const& job, Result<PushReport> const& report);
  static void tell_captured(Job& job, Result<PushReport> const& report);

  // Records.
  void push_failed(Error const& error);
  void push_succeeded(EngineContext& context, PushReport const& report, std::int64_t captured_ns);
  std::string last_good_suffix() const;
  void read_last_good(EngineContext& context);
  std::optional<Monotonic> silent_since() const;  // callers hold the mutex
  void look_at_records(EngineContext& context);
  std::vector<Trigger> look_at_queue(EngineContext& context);

  // Capture lane.
  // Puts in order what an earlier process left: swaps, unchecked captures, the queue.
  void recover();
  void capture(std::vector<Planner::Served> const& batch);
  // Without a record to build on, or with more than the queue may hold: captured and uploaded at once.
  Result<PushReport> push_at_once(EngineContext& context, Trigger trigger);
  void capture_failed(std::vector<Planner::Served> const& batch, std::vector<JobPointer> const& served, Trigger trigger,
                      Error const& error);
  void settle(std::vector<JobPointer> const& served, Trigger trigger, PushReport const& report, bool in_store);
  void nothing_changed(PushReport const& report);

  // Upload lane.
  void upload();
  Result<void> upload_all(EngineContext& context, bool& any);
  void prune_after(EngineContext& context);

  // Any lane.
  void run_task(JobPointer const& job);
  enum class Next { end, recover, task, capture, upload };
  Next next_of(Lane lane);
  // Is there something for this lane to do? For the capture lane this takes the batch.
  bool has_work(Lane lane);
  void live(Lane lane);
  bool at_rest() const;                           // callers hold the mutex

  std::vector<Planner::Served> capture_batch;     // taken from the planner, not begun yet
  std::shared_ptr<Progress> uploading;            // while the upload lane is at it
};

}  // namespace b2b
