// What the daemon takes up from an earlier one, how it reads its configuration again, and how it ends.
#include <signal.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "core/config/changes.h"
#include "core/engine/roots.h"
#include "core/util/log.h"
#include "daemon/jobs/check_service.h"
#include "daemon/jobs/last_restore.h"
#include "daemon/service/service.h"

namespace b2b::service {

void Service::open_rollback() {
  RollbackSurroundings around;
  around.loop = &loop_;
  around.clock = &clock_;
  around.coordinator = [this]() -> Coordinator& { return *coordinator_; };
  around.config = [this]() -> Config const& { return loaded_.config; };
  around.home = sources_.home;
  around.environment = sources_.environment;
  around.data_dir = instance_.data_dir;
  around.publish = [this](std::string_view event, boost::json::object data) {
    events_.publish(std::string(event), std::move(data));
    keep_restore_that_ended();
  };
  rollback_ = std::make_unique<Rollback>(std::move(around));
  if (auto const loaded = rollback_->load(); !loaded) {
    alarms_.push_back(loaded.error().text());
    log_error(loaded.error().text());
  }
}

void Service::open_checkup() {
  CheckupSurroundings around;
  around.clock = &clock_;
  around.index = index_;
  around.instance = instance_;
  around.coordinator = [this]() -> Coordinator& { return *coordinator_; };
  around.post = [this](std::function<void()> what) { boost::asio::post(loop_, std::move(what)); };
  around.publish = [this](std::string_view event, boost::json::object data) { events_.publish(std::string(event), std::move(data)); };
  around.alarm = [this](std::string const& text) {
    if (follow_up_) follow_up_->damaged(text);
  };
  around.ended = [this] {
    write_metrics();
    look();
  };
  checkup_ = std::make_unique<Checkup>(std::move(around), loaded_.config);
}

// For the status, which shows it for a day.
void Service::keep_restore_that_ended() {
  auto const end = rollback_->ended();
  if (!end) return;
  if (auto const kept = jobs::keep_last_restore(*index_, jobs::last_restore_answer(*end, clock_.now())); !kept) log_warning(kept.error().text());
}

// A workspace that openclaw.json names now is backed up from now on. The file is often written several times in a row.
void Service::look_for_new_roots() {
  roots_pending_ = true;
  roots_timer_.expires_after(std::chrono::seconds(2));
  roots_timer_.async_wait([this](boost::system::error_code code) {
    if (code || stopping_) return;
    take_new_roots();
  });
}

void Service::take_new_roots() {
  roots_pending_ = false;
  auto const loaded = load_config(sources_);
  std::string const problem = std::exchange(openclaw_problem_, loaded ? loaded->openclaw_problem : loaded.error().text());
  if (!openclaw_problem_.empty() && openclaw_problem_ != problem) log_warning(openclaw_problem_);
  if (!loaded || !loaded->config.roots_known) return;  // half written, broken or away: what was known holds
  bool const same = loaded->config.roots == loaded_.config.roots && loaded->config.agents_here == loaded_.config.agents_here;
  bool const mended = !loaded_.openclaw_problem.empty() && openclaw_problem_.empty();
  if (!same || mended) reload();
}

void Service::reload() {
  manager_.reloading(std::chrono::duration_cast<std::chrono::microseconds>(clock_.monotonic()));
  auto const changed = [&]() -> Result<std::string> {
    B2B_ASSIGN(LoadedConfig loaded, load_config(sources_));
    B2B_TRY(jobs::check_service(loaded));
    B2B_TRY(require_store(loaded.config));
    if (!loaded.config.roots_known) {
      loaded.config.roots = loaded_.config.roots;
      loaded.config.agents_here = loaded_.config.agents_here;
    }
    B2B_ASSIGN(Clockwork clockwork, Clockwork::create(loaded.config.service, instance_.id));
    B2B_ASSIGN(Scope scope, scope_of(loaded.config));
    std::string what, later;
    for (ConfigChange const& change : describe_changes(loaded_.config, loaded.config))
      (change.needs_restart ? later : what) += ((change.needs_restart ? later : what).empty() ? "" : ", ") + std::string(change.key);
    if (!later.empty())
      return make_error(Condition::bad_config, "a change of " + later + " needs a restart of the daemon", "Restart it, or take the change back");
    clockwork.take_over(std::move(*clockwork_));
    clockwork_ = std::move(clockwork);
    scope_ = std::move(scope);
    loaded_ = std::move(loaded);
    openclaw_problem_ = loaded_.openclaw_problem;
    if (watcher_) watcher_->watch(configured_roots(loaded_.config));
    {
      std::scoped_lock lock(*config_mutex_);
      shared_config_ = std::make_shared<Config>(loaded_.config);
    }
    follow_up_->configure(loaded_.config);
    checkup_->configure(loaded_.config);
    coordinator_->configure(planner_settings(loaded_.config));
    coordinator_->try_uploads_now();
    return what.empty() ? std::string("nothing changed") : "changed: " + what;
  }();
  if (changed) {
    log_info("the configuration was read again, " + *changed);
    events_.publish("reloaded", {{"what", *changed}});
  } else {
    log_error("the new configuration is refused and the old one stays: " + changed.error().text());
    events_.publish("reload-refused", {{"error", changed.error().text()}});
  }
  manager_.ready();
  follow_layout();
  look();
}

// In order: what was triggered is captured, uploads are left to be taken up again, the socket goes. A thread of its own waits for the
// lanes, so that the loop can go on answering.
void Service::stop() {
  if (stopping_) {
    log_warning("asked to stop again: ending at once");
    ::_exit(130);
  }
  auto const limit = loaded_.config.service.stop_timeout;
  manager_.stopping();
  manager_.extend_timeout(std::chrono::duration_cast<std::chrono::microseconds>(limit) + std::chrono::seconds(10));
  bool const last_words = clockwork_->pushes_changes() && !clockwork_->changes().empty();
  if (last_words) {
    PushJob job;
    job.trigger = Trigger::change;
    push(std::move(job));
  }
  stopping_ = true;
  gateway_stop_->cancel();
  rollback_->stop();
  watcher_->stop();
  roots_timer_.cancel();
  if (auto const cleared = wall_timer_->clear(); !cleared) log_warning(cleared.error().text());
  auto const out_of_time = std::make_shared<std::stop_source>();
  auto const bound = std::make_shared<boost::asio::steady_timer>(loop_, limit);
  bound->async_wait([out_of_time](boost::system::error_code code) {
    if (!code) out_of_time->request_stop();
  });
  std::thread([this, out_of_time, bound] {
    coordinator_->stop(out_of_time->get_token());
    boost::asio::post(loop_, [this, bound] {
      bound->cancel();
      coordinator_timer_.cancel();
      watchdog_timer_.cancel();
      follow_up_.reset();
      server_->stop([this] { loop_.stop(); });
    });
  }).detach();
}

}  // namespace b2b::service
