// What the clock and the watcher ask for: which trigger is due now, and when to look again. Pure but for what it is given;
// the service calls it from its one thread whenever a time has come, the clock jumped, a file changed or a push began.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/service_config.h"
#include "core/engine/push.h"
#include "core/schedule/due.h"
#include "core/snapshot/manifest.h"
#include "core/watch/changes.h"
#include "core/watch/quiet.h"

namespace b2b::service {

// Does it count for the time to the next push that changes cause? Also what was copied only to find that nothing new was in it (a large database
// that is written without a change).
inline bool costs_something(PushReport const& report) { return !report.unchanged || report.bytes_captured > 0; }

class Clockwork {
 public:
  // bad_config: the schedule or the time zone. `instance` spreads machines with `jitter`.
  static Result<Clockwork> create(ServiceConfig const& config, std::string const& instance);

  // What was kept from an earlier run: text() of then, or empty.
  void restore(std::string_view text);
  std::string text() const;                     // to keep; changes when a run is handled or the schedule was another one

  void changed(std::string_view path, TimePoint now) { changes_.add(path, now); }
  void changed_unknown(TimePoint now) { changes_.add_unknown(now); }
  // Pushes may overlap: each has the changes that came before it and after the one before.
  using PushId = std::uint64_t;
  PushId push_began(TimePoint now);             // whatever triggered it: changes until now belong to it
  // They are changes again; or the next push's, when one is under way or done that began later, and so captured them too.
  void push_failed(PushId push);
  // So are those of all pushes that began before it. `and_all_since`: and those that came since then, for no change was reported
  // after its scan had begun.
  void push_done(PushId push, bool and_all_since = false);
  bool push_under_way() const { return !under_way_.empty(); }
  // For another configuration: goes on with what `before` had, the runs handled only if the schedule is the same. Whether changes
  // are pushed stays as it was until push_changes() is called.
  void take_over(Clockwork&& before);
  // Are changes pushed at all? As watch.push says, at first; where that is not set, they are not.
  void push_changes(bool on) { pushes_changes_ = on; }
  bool pushes_changes() const { return pushes_changes_; }
  // What the last push cost that changes caused: its capture, and later its upload. A restart forgets it.
  void change_captured(std::uint64_t bytes, std::chrono::nanoseconds took) { last_cost_ = {bytes, took, {}}; }
  void change_uploaded(std::chrono::nanoseconds took) { last_cost_.upload = took; }
  QuietRule quiet_rule() const;
  std::chrono::seconds change_interval() const { return push_interval(quiet_rule(), last_cost_); }

  struct Due {
    std::vector<Trigger> triggers;
    std::optional<TimePoint> look_again;        // nullopt: only an event brings work
  };
  Due look(TimePoint now);

  std::optional<TimePoint> next_scheduled(TimePoint now) const;
  // Twice the time between two runs, or what the configuration says; nullopt: nothing is scheduled, nothing gets stale.
  std::optional<std::chrono::nanoseconds> stale_after(TimePoint now) const;
  ChangeSet const& changes() const { return changes_; }
  std::string const& schedule_text() const { return config_.schedule; }
  std::string const& zone_name() const { return zone_.name(); }

 private:
  Clockwork(ServiceConfig config, CronSchedule schedule, TimeZone zone, std::chrono::seconds delay)
      : config_(std::move(config)), schedule_(std::move(schedule)), zone_(std::move(zone)), delay_(delay),
        pushes_changes_(config_.watch.push.value_or(false)) {}
  ServiceConfig config_;
  CronSchedule schedule_;
  TimeZone zone_;
  std::chrono::seconds delay_;
  std::optional<TimePoint> handled_;
  ChangeSet changes_;
  std::map<PushId, ChangeSet> under_way_;       // of each push that waits or runs
  PushId last_id_ = 0;
  std::optional<TimePoint> last_push_;
  bool pushes_changes_;
  PushCost last_cost_;
};

}  // namespace b2b::service
