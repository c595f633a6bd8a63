#include "daemon/service/service.h"

#include <signal.h>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <utility>

#include "core/engine/choose_layout.h"
#include "core/engine/lock.h"
#include "core/engine/restore.h"
#include "core/engine/roots.h"
#include "core/gateway/own.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "core/util/unfinished_write.h"
#include "daemon/service/auto_restore.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

std::string socket_path(Config const& config) {
  if (!config.service.socket.empty()) return config.service.socket;
  return join_path(join_path(config.state_dir, "b2backupd"), "daemon.sock");
}

std::string run_name(TimePoint started) { return std::to_string(started.time_since_epoch().count() / 1'000'000); }

}  // namespace

PlannerSettings planner_settings(Config const& config) {
  PlannerSettings settings;
  settings.compaction_upload_interval = config.service.compaction_upload_interval;
  return settings;
}

Service::Service(LoadedConfig loaded, ConfigSources sources, Clock& clock, ServiceManager& manager)
    : loaded_(std::move(loaded)),
      sources_(std::move(sources)),
      clock_(clock),
      manager_(manager),
      started_(clock.now()),
      loop_(1),
      signals_(loop_, SIGTERM, SIGINT, SIGHUP),
      coordinator_timer_(loop_),
      watchdog_timer_(loop_),
      starting_timer_(loop_),
      roots_timer_(loop_),
      events_(run_name(started_)),
      shared_config_(std::make_shared<Config>(loaded_.config)),
      openclaw_problem_(loaded_.openclaw_problem) {}

Service::~Service() = default;

std::function<Result<EngineContext>(std::stop_token)> Service::opener() {
  return [mutex = config_mutex_, this](std::stop_token stop) -> Result<EngineContext> {
    std::shared_ptr<Config> config;
    {
      std::scoped_lock lock(*mutex);
      config = shared_config_;
    }
    B2B_ASSIGN(EngineContext context, open_engine(*config, clock_, std::move(stop)));
    context.in_daemon = true;
    return context;
  };
}

Result<void> Service::take_lock() {
  std::string const& state_dir = loaded_.config.state_dir;
  std::string const directory = join_path(state_dir, "b2backupd");
  B2B_TRY(make_directories(directory, 0700));
  lock_ = UniqueFd();  // an old one: the directory was replaced
  auto locked = lock_file(join_path(directory, "daemon.lock"), "b2backupd", "another b2backupd runs for " + state_dir);
  if (!locked && locked.error().condition == Condition::busy)
    return make_error(Condition::refused, locked.error().message, "One is enough: daemonctl status asks it how it is", state_dir);
  if (!locked) return locked.error();
  lock_ = std::move(*locked);
  return {};
}

Result<void> Service::listen() {
  server_ = std::make_unique<control::Server>(loop_);
  add_routes(*server_, *this);
  control::SocketPlace place;
  place.path = socket_path(loaded_.config);
  if (auto const found = sources_.environment.find("XDG_RUNTIME_DIR"); found != sources_.environment.end())
    place.runtime_directory = found->second;
  return server_->listen(place);
}

Result<void> Service::open() {
  B2B_ASSIGN(instance_, open_instance(loaded_.config));
  B2B_TRY(take_lock());
  B2B_ASSIGN(instance_, open_instance(loaded_.config));  // the state directory exists now, and its real path counts
  if (auto const cleared = remove_abandoned_writes(instance_.data_dir); !cleared) log_warning(cleared.error().text());
  B2B_ASSIGN(index_, Index::open(instance_.data_dir));
  B2B_ASSIGN(clockwork_, Clockwork::create(loaded_.config.service, instance_.id));
  B2B_ASSIGN(auto const kept, index_->value("schedule-handled"));
  scheduled_text_ = kept.value_or("");
  clockwork_->restore(scheduled_text_);
  follow_layout();
  B2B_ASSIGN(scope_, scope_of(loaded_.config));
  B2B_ASSIGN(wall_timer_, WallTimer::create(loop_.get_executor(), [this] { look(); }));
  follow_up_ = std::make_unique<FollowUp>(loaded_.config, index_, clock_);
  gateway_stop_ = std::make_unique<GatewayStop>(
      loop_.get_executor(),
      [this] { return probe_own_gateway(loaded_.config); },
      [this](GatewayStop::End end) { on_gateway_gone(end); });
  open_rollback();
  open_checkup();
  finish_restores();
  return {};
}

// At once, and without the store, which may be away or refuse us: a state that is half swapped has no use for anybody.
void Service::finish_restores() {
  EngineContext context;
  context.config = loaded_.config;
  context.clock = &clock_;
  context.instance = instance_;
  context.index = index_;
  auto const lock = DataLock::acquire(loaded_.config.state_dir, "finishing a restore");
  if (!lock) return;  // who has it does the same; the coordinator asks again
  auto recovered = recover_restores_in_detail(context);
  if (!recovered) return log_error(recovered.error().text());
  for (std::string const& sentence : recovered->sentences) log_warning(sentence);
  settled_ = std::move(*recovered);
}

Result<void> Service::run() {
  B2B_TRY(open());
  CoordinatorOptions options;
  options.clock = &clock_;
  options.planner = planner_settings(loaded_.config);
  options.open = opener();
  options.index = index_;
  options.instance = instance_;
  options.event = [this](std::string_view name, json::object const& data) {
    boost::asio::post(loop_, [this, name = std::string(name), data] { on_event(name, data); });
  };
  coordinator_ = std::make_unique<Coordinator>(std::move(options));
  B2B_TRY(listen());
  wait_for_signal();
  start_watcher();
  watchdog();
  log_info("b2backupd " B2B_VERSION " watches " + loaded_.config.state_dir);
  begin();
  loop_.run();
  return {};
}

void Service::wait_for_signal() {
  signals_.async_wait([this](boost::system::error_code code, int signal) {
    if (code) return;
    if (signal == SIGHUP) {
      reload();
    } else {
      stop();
    }
    wait_for_signal();
  });
}

void Service::watchdog() {
  auto const interval = manager_.watchdog_interval();
  if (!interval) return;
  manager_.watchdog();
  watchdog_timer_.expires_after(*interval);
  watchdog_timer_.async_wait([this](boost::system::error_code code) {
    if (!code) watchdog();
  });
}

// Start.

void Service::begin() {
  if (settled_) rollback_->settled(*settled_);
  auto const wish = wants_auto_restore(loaded_.config, *index_, {});
  if (!wish) {
    log_warning("whether this machine is new could not be told: " + wish.error().text());
  } else if (!wish->alarm.empty()) {
    alarms_.push_back(wish->alarm);
    log_error(wish->alarm);
    follow_up_->failed(wish->alarm, "empty-state");
  } else if (wish->wanted) {
    begin_auto_restore();
    return;
  }
  ready();
  first_push();
}

void Service::begin_auto_restore() {
  keep_starting();
  manager_.status("Looking for a snapshot to restore on this new machine");
  coordinator_->run(
      Lane::capture, "restore on a new machine", [](EngineContext& context) { return auto_restore(context); },
      [this](Result<json::object> const& answer) {
        boost::asio::post(loop_, [this, answer] {
          if (!answer) {
            restore_note_ = "this machine is new, and it could not be told whether the bucket holds a snapshot for it: " + answer.error().text();
            log_warning(restore_note_);
          } else if (answer->at("restored").as_bool()) {
            restore_note_ = "this machine was new: the state was restored from " + std::string(answer->at("snapshot").as_string());
            if (std::string const problems(answer->at("problems").as_string()); !problems.empty())
              restore_note_ += ". NOT all of it came back: " + problems;
            if (answer->at("shared").as_bool())
              restore_note_ += ". Another machine pushed to the same prefix within the last hour: two machines share it now, and nothing is "
                               "pruned until one of them is told to: daemonctl prune --take-over";
            log_warning(restore_note_);
          } else {
            restore_note_ = std::string(answer->at("reason").as_string());
            if (!restore_note_.empty()) log_warning(restore_note_);
          }
          ready();
          take_new_roots();  // what was restored may name some
          first_push();
        });
      });
}

// A restore takes as long as it takes; the service manager is told so again and again.
void Service::keep_starting() {
  if (is_ready_ || !manager_.present()) return;
  manager_.extend_timeout(std::chrono::minutes(2));
  starting_timer_.expires_after(std::chrono::minutes(1));
  starting_timer_.async_wait([this](boost::system::error_code code) {
    if (!code) keep_starting();
  });
}

void Service::ready() {
  if (is_ready_) return;
  is_ready_ = true;
  starting_timer_.cancel();
  manager_.ready();
  update_status_line();
}

// Soon after the start when there is no good snapshot yet; what the schedule missed is the clockwork's.
void Service::first_push() {
  auto const last_good = index_->value("last-good");
  bool const any = last_good && last_good->has_value();
  bool const something = path_exists(join_path(loaded_.config.state_dir, "openclaw.json"));
  if (!any && something) {
    PushJob job;
    job.trigger = Trigger::schedule;
    push(std::move(job));
  }
  look();
}

void Service::start_watcher() {
  WatchCallbacks callbacks;
  callbacks.changed = [this](std::string const& path) {
    if (path == base_name(loaded_.config.openclaw_json)) look_for_new_roots();
    bool const known = path.empty() || scope_->takes(path, false) || scope_->takes(path, true);
    bool const sidecar = path.ends_with("-wal") && scope_->takes(path.substr(0, path.size() - 4), false);
    if (!known && !sidecar) return;
    last_change_ = clock_.monotonic();
    bool const first = clockwork_->changes().empty();
    clockwork_->changed(sidecar ? path.substr(0, path.size() - 4) : path, clock_.now());
    if (first || clockwork_->pushes_changes()) look();
  };
  callbacks.desynced = [this](std::string const&) {
    last_change_ = clock_.monotonic();
    clockwork_->changed_unknown(clock_.now());
    look();
  };
  callbacks.state = [this](WatchState const& state) { on_watch_state(state); };
  watcher_ = std::make_unique<RootWatch>(loop_.get_executor(), std::move(callbacks),
                                         [this](std::string_view path) { return !scope_->may_take_below(path); });
  watcher_->watch(configured_roots(loaded_.config));
}

void Service::on_watch_state(WatchState const& state) {
  bool const was_gone = watch_state_.kind == WatchState::Kind::gone;
  watch_state_ = state;
  if (state.kind != WatchState::Kind::healthy) log_warning(state.reason + (state.advice.empty() ? "" : ". " + state.advice));
  events_.publish("watch", {{"state", state.kind == WatchState::Kind::healthy    ? "healthy"
                                       : state.kind == WatchState::Kind::degraded ? "degraded"
                                                                                  : "gone"},
                            {"reason", state.reason}});
  if (!was_gone || state.kind == WatchState::Kind::gone) return;
  // The directory is another one: our lock and socket went with the old.
  auto const again = [&]() -> Result<void> {
    B2B_TRY(take_lock());
    return listen();
  }();
  if (!again) log_error("the state directory was made again, but daemonctl cannot be heard there: " + again.error().text());
}

// Work.

void Service::push(PushJob job) {
  // What was asked for by hand holds what openclaw.json names by now.
  if (job.trigger == Trigger::manual || roots_pending_) take_new_roots();
  auto const id = clockwork_->push_began(clock_.now());
  follow_up_->started();
  auto captured = std::move(job.captured);
  bool const for_changes = job.trigger == Trigger::change;
  job.captured = [this, id, for_changes, captured = std::move(captured)](Result<PushReport> const& report) {
    auto const took = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(report ? report->seconds : 0));
    auto const scan_began = took.count() == 0 ? std::chrono::nanoseconds(0) : clock_.monotonic() - took;
    boost::asio::post(loop_, [this, id, costs = for_changes && report && costs_something(*report), ok = report.has_value(), bytes = report ? report->bytes_captured : 0, took, scan_began] {
      if (ok) {
        clockwork_->push_done(id, last_change_ < scan_began);
        if (!clockwork_->push_under_way()) keep_schedule();
        if (costs) clockwork_->change_captured(bytes, took);
      } else {
        clockwork_->push_failed(id);
      }
      look();
    });
    if (captured) captured(report);
  };
  coordinator_->push(std::move(job));
}

WatchPush Service::watch_push_now() {
  auto const layout = known_layout(loaded_.config, index_.get());
  if (!layout) log_warning(layout.error().text());
  return watch_push(loaded_.config.service.watch.push, layout ? *layout : std::nullopt);
}

void Service::follow_layout() {
  WatchPush const now = watch_push_now();
  if (now.on == clockwork_->pushes_changes()) return;
  clockwork_->push_changes(now.on);
  log_info("changes are " + std::string(now.on ? "pushed soon after they come: " : "pushed by the schedule only: ") + std::string(now.why));
  if (coordinator_) look();
}

void Service::look() {
  if (stopping_) return;
  auto const due = clockwork_->look(clock_.now());
  for (Trigger const trigger : due.triggers) {
    PushJob job;
    job.trigger = trigger;
    push(std::move(job));
  }
  // A run that is due is handled when its capture is made: should we die before, it is caught up.
  if (!clockwork_->push_under_way()) keep_schedule();
  check_stale();
  auto wake = due.look_again;
  if (auto const stale = stale_time(); stale && !stale_told_ && (!wake || *stale < *wake)) wake = stale;
  auto const check = checkup_->look(clock_.monotonic() - last_change_, clockwork_->push_under_way() || rollback_->active());
  if (check && (!wake || *check < *wake)) wake = check;
  auto const set = wake ? wall_timer_->set(*wake) : wall_timer_->clear();
  if (!set) log_error(set.error().text());
  coordinator_->tick();
  arm_coordinator();
}

void Service::keep_schedule() {
  std::string const text = clockwork_->text();
  if (text == scheduled_text_) return;
  if (auto const kept = index_->set_value("schedule-handled", text); !kept) log_warning(kept.error().text());
  scheduled_text_ = text;
}

void Service::arm_coordinator() {
  auto const wake = coordinator_->next_wake();
  if (!wake) {
    coordinator_timer_.cancel();
    return;
  }
  coordinator_timer_.expires_after(*wake);
  coordinator_timer_.async_wait([this](boost::system::error_code code) {
    if (code) return;
    coordinator_->tick();
    arm_coordinator();
  });
}

void Service::on_event(std::string const& name, json::object const& data) {
  events_.publish(name, data);
  if (name == "recovered") {
    recovered_ = true;
    take_new_roots();  // openclaw.json may have been away until now
    rollback_->recovered();
  }
  auto const text = [&](char const* key) {
    auto const* const value = data.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  };
  follow_layout();
  if (auto const* const took = data.if_contains("seconds"); name == "uploaded" && took != nullptr && text("trigger") == trigger_name(Trigger::change))
    clockwork_->change_uploaded(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(took->to_number<double>())));
  auto const* const unchanged = data.if_contains("unchanged");
  if (name == "uploaded" || (name == "job" && unchanged != nullptr && unchanged->as_bool())) {
    stale_told_ = false;  // the next alarm has its time
    look();
    follow_up_->succeeded(text("snapshot"), json::serialize(data), checkup_->damage());
  } else if (name == "failed") {
    log_warning("a backup failed: " + text("error"));
    if (!recovered_) {
      if (!settled_) finish_restores();
      if (settled_) rollback_->settled(*settled_);
      rollback_->engine_failed(make_error(condition_from_name(text("code")).value_or(Condition::internal), text("error")));
    }
    follow_up_->failed(text("error"), text("code"));
  }
  if (name == "job" || name == "failed" || name == "uploads-ended") look();   // a check may wait for the end of what went on
  if (!stopping_) {
    check_stale();
    arm_coordinator();
  }
  update_status_line();
  write_metrics();
}

std::optional<TimePoint> Service::stale_time() const {
  auto const limit = clockwork_->stale_after(clock_.now());
  if (!limit) return std::nullopt;
  return coordinator_->status().last_good_time.value_or(started_) + *limit;
}

void Service::check_stale() {
  auto const when = stale_time();
  if (!when || clock_.now() < *when || stale_told_) return;
  auto const status = coordinator_->status();
  TimePoint const since = status.last_good_time.value_or(started_);
  stale_told_ = true;
  auto const hours = std::chrono::duration_cast<std::chrono::hours>(clock_.now() - since).count();
  std::string const what = "the last good backup is " + std::to_string(hours) + " hours old" +
                           (status.last_error ? ": " + *status.last_error : "");
  log_error(what);
  follow_up_->stale(what);
  events_.publish("stale", {{"text", what}});
}

void Service::on_gateway_gone(GatewayStop::End end) {
  rollback_->look();
  if (end == GatewayStop::End::dropped) return;
  if (end == GatewayStop::End::running)
    log_warning("the gateway said that it stops, and one runs still or again: the snapshot is of the running state");
  events_.publish("gateway", {{"stopped", end == GatewayStop::End::stopped}});
  PushJob job;
  job.trigger = Trigger::gateway_stop;
  push(std::move(job));
}

void Service::note_gateway(std::string_view event) { gateway_said_ = std::string(event) + " at " + format_iso8601(clock_.now()); }

}  // namespace b2b::service
