// Days that pass in a moment: the daemon's clockwork and coordinator as the service runs them, on a clock that is stepped
// by hand, with the agent's doings as a script. Nothing here waits for time, only for the lanes to come to rest.
//
// Script and log are in true time. The machine's wall clock starts with it and may be set wrong; its monotonic clock stands
// still while it is suspended.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/engine/coordinator.h"
#include "daemon/service/clockwork.h"
#include "tests/unit/engine/push_fixture.h"

namespace b2b::test {

struct WeekSetup {
  TimePoint start;
  std::string schedule = "off";
  std::string zone = "UTC";
  std::optional<bool> watch = false;         // watch.push; nullopt: as the layout has it
  LayoutChoice layout = LayoutChoice::plugin;
  std::uint32_t keep_snapshots = 10;
  Store* store = nullptr;                    // nullptr: in memory, on the machine's clock
};

class Week {
 public:
  // A first push is made, then the daemon starts.
  explicit Week(WeekSetup const& setup);
  ~Week() { coordinator.reset(); }

  // The script. `every`: from `first` to `last`, both included.
  void at(TimePoint when, std::function<void()> what) { script_.emplace(when, std::move(what)); }
  void every(TimePoint first, std::chrono::nanoseconds period, TimePoint last, std::function<void()> const& what);
  void run_until(TimePoint end);

  // What the script may do.
  void change(std::string const& name);      // new content, as the watcher reports it
  void push(Trigger trigger);
  void suspend(std::chrono::nanoseconds length, bool monotonic_counts_it);
  void set_wall_off_by(std::chrono::nanoseconds difference);  // from true time
  void stop_daemon();                        // as SIGTERM does
  void start_daemon();
  void store_away(bool away);
  void switch_layout(SnapshotLayout layout);

  // What happened: "03-24 22:00:00 schedule", in true time; with the number of the day in `of_days`.
  struct Entry {
    TimePoint when;
    std::string trigger;
    std::string snapshot;
  };
  static std::vector<std::string> texts(std::vector<Entry> const& entries);
  std::vector<std::string> of_days(std::vector<Entry> const& entries) const;
  std::vector<Entry> captured, uploaded;
  int looks = 0;                             // how often the daemon woke up
  int refused_calls = 0;                     // that the store was away for

  // What a person would get.
  std::map<std::string, std::string> latest();
  std::map<std::string, std::string> live() const;
  std::vector<std::string> listed();         // ids, oldest first
  void check_that_all_restores();            // each snapshot in the store is the state of its moment; nothing waits
  std::map<std::string, std::map<std::string, std::string>> state_of;  // by snapshot: the live files when it was captured
  std::uint64_t latest_was_another = 0;      // after how many uploads "latest" was not what was captured last
  bool watch_latest = false;                 // counts that

  Machine machine;
  std::unique_ptr<Coordinator> coordinator;

 private:
  void act();
  void follow_layout();                      // as the service does
  struct Captured {
    service::Clockwork::PushId push = 0;
    bool ok = false;
    bool for_changes = false;
    std::uint64_t bytes = 0;
    std::chrono::nanoseconds took{0};
  };
  std::vector<Captured> take_news();  // what the lanes said; the answers about captures
  void run_due_script();

  WeekSetup setup_;
  TimePoint true_now_;
  std::multimap<TimePoint, std::function<void()>> script_;
  std::unique_ptr<FaultStore> store_;
  std::shared_ptr<Keyring> keyring_;
  ServiceConfig service_;
  std::optional<service::Clockwork> clockwork_;
  std::string kept_;
  std::optional<TimePoint> look_again_;
  std::mutex mutex_;                         // what the lanes touch: below
  bool away_ = false;
  std::vector<Captured> answers_;
  std::vector<Entry> news_captured_, news_uploaded_;
  int changes_ = 0;
};

// "2026-03-24 22:00:00".
TimePoint utc(std::string const& text);

}  // namespace b2b::test
