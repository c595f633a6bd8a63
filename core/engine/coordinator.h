// The coordinator: everything the daemon does to data goes through here, in three lanes whose threads sleep when there is
// nothing to do.
//
//   capture lane   one thread: captures, whatever holds the data lock from its beginning
//   upload lane    one thread: what waits in the queue, oldest first, then pruning: whatever holds the upload lock
//   reading lane   two threads: lists, comparisons, verification, and restores, which take the data lock for their end only
//
// An upload never makes a capture wait; the one exception is the first push of a state, which has to upload while it captures
// because there may be no room for all of it. Time passes only in tick(): the owner calls it when next_wake() says, or when
// the clocks jumped. Callbacks come from the lanes' threads, never under a lock of the coordinator; they may call back.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine/context.h"
#include "core/engine/planner.h"
#include "core/engine/push.h"
#include "core/engine/queue.h"

namespace b2b {

using JobId = std::uint64_t;

enum class Lane { capture, upload, reading };

struct CoordinatorOptions {
  PlannerSettings planner;
  // Opens the engine for a job; the coordinator keeps it while jobs run and lets go of it when they are done, so that
  // nothing is held at idle.
  std::function<Result<EngineContext>(std::stop_token)> open;
  Clock* clock = nullptr;
  // Where our own records are, read at once, so that the first status is true. Without an index: known after the first job.
  std::shared_ptr<Index> index;
  Instance instance;
  // What happens, for whoever listens ("job", "captured", "uploaded", "failed", …; docs/control-api.md).
  std::function<void(std::string_view event, boost::json::object const& data)> event;
};

// One push as somebody asked for it.
struct PushJob {
  Trigger trigger = Trigger::manual;
  // Called once: the capture that serves it is durable (its snapshot's id, or `unchanged`), or why there will be none.
  std::function<void(Result<PushReport> const&)> captured;
  // Called each time that it could not be captured yet, for a reason that passes: it waits on. (Not for a lock, which is taken for
  // moments only.)
  std::function<void(Error const&)> postponed;
  // Called once: the snapshot is in the store (or nothing had changed), or why not yet. unreachable, throttled: it is captured
  // and waits; uploads go on by themselves.
  std::function<void(Result<PushReport> const&)> finished;
};

// What the daemon knows, at one moment. Times are the wall clock's.
struct CoordinatorStatus {
  struct Running {
    JobId id = 0;
    std::string what;                          // "push (compaction)", "restore", …
    std::string phase;
    std::uint64_t files_done = 0, files_total = 0, bytes_done = 0, bytes_total = 0;
  };
  std::vector<Running> running;                // waiting ones included, phase "waiting"
  struct Waiting {
    std::string id;
    Trigger trigger;
    TimePoint captured;
    std::uint64_t bytes = 0;
    bool complete = true;
  };
  std::vector<Waiting> queue;                  // oldest first
  std::uint64_t queue_bytes = 0;
  std::optional<std::string> last_good;        // id of the newest complete snapshot that reached the store, of ours
  std::optional<TimePoint> last_good_time;     // when it was captured
  std::optional<std::string> last_error;       // of the last push that failed; none after one that succeeded
  std::optional<TimePoint> last_error_time;
  bool store_reachable = true;                 // as of the last attempt, or of the present one
  std::optional<TimePoint> not_answering_since;   // the present attempt is without any answer for 20 s
  std::optional<std::chrono::nanoseconds> next_upload_in;
  std::vector<std::string> warnings;           // of the last push
  struct Bucket {                              // from our own records, not asked for
    std::string store;                         // its name and the prefix
    std::uint64_t snapshots = 0;
    std::uint64_t bytes = 0;                   // plaintext, each snapshot counted whole
    std::vector<std::string> other_instances;  // hosts of the other machines that push there
    std::optional<SnapshotLayout> layout;      // that backups are written in; none: nothing was pushed yet
    bool may_switch = false;                   // layout is not set, and it is the plugin's
    bool may_prune = true;                     // there are none, or the right to prune was taken over from them
  };
  std::optional<Bucket> bucket;
  bool prune_paused = false;                   // too much vanished: pruning waits for a person
};

class Coordinator {
 public:
  explicit Coordinator(CoordinatorOptions options);
  ~Coordinator();                              // stop()s when nobody did

  // One without `finished` joins one like it (of the same trigger) that waits still: the same capture serves both. Its id is
  // returned then.
  JobId push(PushJob job);
  // Any other job, on its lane. `work` gets a context of its own (progress, stop token) and returns its answer.
  using Work = std::function<Result<boost::json::object>(EngineContext&)>;
  using Finished = std::function<void(Result<boost::json::object> const&)>;
  // `id`: a number from reserve(), 0: the next one.
  JobId run(Lane lane, std::string what, Work work, Finished finished, JobId id = 0);
  // On the reading lane, for what needs neither the store nor our records: also when the engine cannot be opened. Its context has
  // a clock, progress and a stop token, and nothing else.
  JobId run_bare(std::string what, Work work, Finished finished, JobId id = 0);
  JobId reserve();                             // a number for a job that comes later, perhaps in several parts
  bool cancel(JobId id);                       // false: no such job, or it ended

  void tick();
  std::optional<std::chrono::nanoseconds> next_wake() const;   // from now; nullopt: only an event can bring work
  CoordinatorStatus status() const;
  bool idle() const;                           // nothing runs, and nothing could without time passing
  void wait_idle();                            // for tests and for shutdown

  void configure(PlannerSettings const& planner);              // from now on; also opens the engine anew for the next job
  void try_uploads_now();                      // somebody knows that the store is back

  // No new job is taken. What was triggered is captured; then everything else is cancelled, which leaves uploads to be taken up
  // again. Returns when the lanes are at rest, or when `until` says that time is up (then the capture is cancelled too).
  void stop(std::stop_token until);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
