// The daemon: one event loop that listens to the clock, the watcher, the gateway, signals and daemonctl, and hands what is to
// be done to the coordinator. Nothing here blocks for long; nothing runs while nothing happens.
//
// Everything but the constructor's arguments belongs to the thread that calls run(). What the coordinator's lanes report
// is posted to the loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "core/config/config.h"
#include "core/control/event_hub.h"
#include "core/control/server.h"
#include "core/engine/coordinator.h"
#include "core/engine/watch_push.h"
#include "core/util/fd.h"
#include "core/util/service_manager.h"
#include "core/watch/watch.h"
#include "daemon/service/checkup.h"
#include "daemon/service/clockwork.h"
#include "daemon/service/follow_up.h"
#include "daemon/service/gateway_stop.h"
#include "daemon/service/root_watch.h"
#include "daemon/service/rollback.h"
#include "daemon/service/wall_timer.h"

namespace b2b::service {

class Service {
 public:
  Service(LoadedConfig loaded, ConfigSources sources, Clock& clock, ServiceManager& manager);
  ~Service();

  // Takes the daemon's lock (busy: names the pid of the other one), listens, and works until SIGTERM or SIGINT. The value is that
  // it ended in order.
  Result<void> run();

  // For the routes (routes.cpp), on the loop's thread.
  boost::json::object status();
  std::string metrics();
  void push(PushJob job);                         // as Coordinator::push, with the clockwork told of it
  Coordinator& coordinator() { return *coordinator_; }
  Clock& clock() { return clock_; }
  boost::asio::io_context& loop() { return loop_; }
  GatewayStop& gateway_stop() { return *gateway_stop_; }
  Rollback& rollback() { return *rollback_; }
  Config const& config() const { return loaded_.config; }
  control::EventHub& events() { return events_; }
  void note_gateway(std::string_view event);      // for status: what it said last

 private:
  Result<void> open();
  Result<void> listen();
  Result<void> take_lock();
  void start_watcher();
  void finish_restores();                         // that an earlier process left half done
  void take_new_roots();
  void look_for_new_roots();                      // openclaw.json changed
  void open_rollback();
  void open_checkup();
  void keep_restore_that_ended();
  void begin();                                   // what happens first: restore on a new machine, or a push that is overdue
  void begin_auto_restore();
  void first_push();
  void keep_starting();
  void keep_schedule();                           // in the index: what the clockwork has handled
  void ready();
  void look();                                    // what the clockwork and the coordinator have to do now
  WatchPush watch_push_now();                     // as the configuration and the layout that pushes write have it
  void follow_layout();                           // which may have been chosen, or switched
  void arm_coordinator();
  void on_event(std::string const& name, boost::json::object const& data);
  void on_watch_state(WatchState const& state);
  void on_gateway_gone(GatewayStop::End end);
  void wait_for_signal();
  void reload();
  void stop();
  void watchdog();
  std::optional<TimePoint> stale_time() const;    // when the last good backup is too old
  void check_stale();
  void update_status_line();
  void write_metrics();
  EngineContext engine_for(std::stop_token stop);
  std::function<Result<EngineContext>(std::stop_token)> opener();

  LoadedConfig loaded_;
  ConfigSources sources_;
  Clock& clock_;
  ServiceManager& manager_;
  TimePoint started_;
  boost::asio::io_context loop_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer coordinator_timer_;
  boost::asio::steady_timer watchdog_timer_;
  boost::asio::steady_timer starting_timer_;
  boost::asio::steady_timer roots_timer_;
  std::unique_ptr<WallTimer> wall_timer_;
  Instance instance_;
  std::shared_ptr<Index> index_;
  UniqueFd lock_;
  std::optional<Clockwork> clockwork_;
  control::EventHub events_;
  std::unique_ptr<control::Server> server_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<RootWatch> watcher_;
  std::optional<Scope> scope_;
  std::unique_ptr<GatewayStop> gateway_stop_;
  std::unique_ptr<FollowUp> follow_up_;
  std::unique_ptr<Rollback> rollback_;
  std::unique_ptr<Checkup> checkup_;
  std::shared_ptr<std::mutex> config_mutex_ = std::make_shared<std::mutex>();   // the lanes read the configuration
  std::shared_ptr<Config> shared_config_;
  WatchState watch_state_;
  std::string restore_note_;                      // why a new machine was not restored by itself, or that it was
  std::vector<std::string> alarms_;               // for status, until the next start
  std::string gateway_said_;
  std::string openclaw_problem_;                  // LoadedConfig's, as of the last look at the file
  bool stale_told_ = false;
  bool is_ready_ = false;
  std::optional<RecoveredRestores> settled_;      // no restore is half swapped in; what was done for that
  bool recovered_ = false;                        // the engine was open once
  bool stopping_ = false;
  bool roots_pending_ = false;                    // openclaw.json changed and was not read yet
  std::chrono::nanoseconds last_change_{0};       // when one was last reported, on the monotonic clock
  std::string scheduled_text_;                    // as kept in the index
};

// What of the configuration is the planner's.
PlannerSettings planner_settings(Config const& config);

// Registers every route of the API on `server` (docs/control-api.md).
void add_routes(control::Server& server, Service& service);

}  // namespace b2b::service
