// When to capture and when to upload: the decisions of the coordinator, apart from its threads. Pure: times come in, on the
// monotonic clock, so that a wall clock that jumps changes nothing here. Not thread-safe.
//
// Captures: triggers that wait are served together by one capture, which begins after the last of them arrived. What could
// not be captured for a passing reason (another process at work, the store away when a first push needs it) waits longer
// each time and is tried again.
// Uploads: as soon as something waits in the queue; captures for a compaction alone wait until a while has passed since the
// last one was uploaded. After a failure all uploads wait, longer each time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/snapshot/manifest.h"

namespace b2b {

using Monotonic = std::chrono::nanoseconds;

struct PlannerSettings {
  Monotonic compaction_upload_interval = std::chrono::minutes(5);
  Monotonic soon = std::chrono::seconds(1);
  Monotonic first_retry = std::chrono::seconds(15);
  Monotonic longest_retry = std::chrono::minutes(15);
};

// Doubles from first_retry to longest_retry.
Monotonic retry_delay(PlannerSettings const& settings, unsigned failures);

class Planner {
 public:
  explicit Planner(PlannerSettings const& settings) : settings_(settings) {}
  void configure(PlannerSettings const& settings) { settings_ = settings; }

  // Captures.
  void triggered(std::uint64_t job, Trigger trigger);
  // Every trigger that waits, when no capture runs and none has to wait; they are the ones that it serves.
  struct Served {
    std::uint64_t job = 0;
    Trigger trigger = Trigger::manual;
  };
  std::vector<Served> begin_capture(Monotonic now);
  void capture_ended();
  // They wait again, for a passing reason.
  // `soon`: another process is at work, which takes moments.
  void capture_postponed(std::vector<Served> const& batch, Monotonic now, bool soon);
  bool forget_trigger(std::uint64_t job);    // cancelled; false: it does not wait (any more)
  bool capture_ready(Monotonic now) const;   // begin_capture() would give something
  // The name that a capture for all of them bears: what a person would look for.
  static Trigger strongest(std::vector<Served> const& batch);

  // Uploads.
  void queued(Trigger trigger);              // a capture is in the queue
  bool upload_due(Monotonic now) const;
  void upload_begins() { uploading_ = true; arrived_.clear(); }
  void uploaded(Trigger trigger, Monotonic now);
  // `left`: triggers of what still waits, looked up after the last uploaded(). What is queued between that look and this call
  // is not forgotten.
  void upload_ended(std::vector<Trigger> const& left);
  void upload_failed(Monotonic now, std::vector<Trigger> const& left);
  void try_uploads_now() { upload_not_before_.reset(); upload_failures_ = 0; }
  std::optional<Monotonic> next_upload() const;   // when it is due by time; nullopt: nothing waits
  unsigned upload_failures() const { return upload_failures_; }

  // When something is due that is not due now; nullopt: only events matter.
  std::optional<Monotonic> next_wake(Monotonic now) const;

 private:
  PlannerSettings settings_;
  std::vector<Served> waiting_;
  bool capturing_ = false;
  unsigned capture_failures_ = 0;
  std::optional<Monotonic> capture_not_before_;
  bool uploading_ = false;
  std::vector<Trigger> queue_;               // triggers of what waits for its upload
  std::vector<Trigger> arrived_;             // of those, what came since an upload began or the last one ended
  unsigned upload_failures_ = 0;
  std::optional<Monotonic> upload_not_before_;
  std::optional<Monotonic> last_compaction_upload_;
};

}  // namespace b2b
