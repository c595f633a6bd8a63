#include "daemon/service/follow_up.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unistd.h>

#include "core/notify/command.h"
#include "core/notify/healthcheck.h"
#include "core/notify/metrics_textfile.h"
#include "core/notify/rate_limit.h"
#include "core/util/log.h"

extern char** environ;

namespace b2b::service {
namespace {

constexpr std::string_view state_key = "notify-state";
constexpr std::string_view damage_state_key = "notify-state-damage";
constexpr std::size_t queue_limit = 64;

EnvironmentMap our_environment() {
  EnvironmentMap out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view const text(*entry);
    auto const equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

}  // namespace

struct FollowUp::Impl {
  Impl(Config const& config_in, std::shared_ptr<Index> index_in, Clock& clock_in)
      : config(config_in), index(std::move(index_in)), clock(clock_in), environment(our_environment()) {
    if (auto const kept = index->value(state_key); kept && *kept) state = notify_state_from(**kept);
    thread = std::thread([this] { live(); });
  }

  void add(std::function<void()> work) {
    std::scoped_lock lock(mutex);
    if (queue.size() >= queue_limit) queue.pop_front();  // what is oldest is of the least interest by now
    queue.push_back(std::move(work));
    changed.notify_all();
  }

  void live() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ending || !queue.empty(); });
      if (ending) return;
      auto const work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  Config settings() {
    std::scoped_lock lock(mutex);
    return config;
  }

  void ping(Ping what, std::string const& report) {
    Config const now = settings();
    HealthcheckSettings how;
    how.url = now.service.healthcheck_url;
    how.ca_file = now.ca_file;
    ping_or_warn(how, what, report, clock, stop.get_token());
  }

  void run(CommandArguments const& command, CommandEvent event) {
    if (command.empty()) return;
    event.state_dir = settings().state_dir;
    CommandOptions options;
    options.outside_service = true;
    auto const outcome = run_command(command, event, environment, options, stop.get_token(), clock);
    if (!outcome) {
      if (outcome.error().condition != Condition::cancelled) log_warning(outcome.error().text());
    } else if (!outcome->good()) {
      log_warning(command_problem(command, *outcome));
    }
  }

  // Only on our thread.
  void tell(NotifyKind kind, std::string const& failure, CommandEvent event) {
    Config const now = settings();
    NotifyDecision const decision = decide(state, kind, failure, clock.now(), std::chrono::nanoseconds(now.service.notify_interval));
    if (auto const kept = index->set_value(state_key, to_text(state)); !kept) log_warning(kept.error().text());
    if (!decision.tell) return;
    event.event = notify_kind_name(kind);
    event.recovered = decision.recovery;
    switch (kind) {
      case NotifyKind::success: run(now.service.on_success, std::move(event)); break;
      case NotifyKind::failure: run(now.service.on_failure, std::move(event)); break;
      case NotifyKind::stale: run(now.service.on_stale, std::move(event)); break;
    }
  }

  // Only on our thread. On a record of its own: a backup that succeeds mends nothing of it, and is no recovery from it.
  void tell_damage(std::string const& failure, std::string const& what) {
    Config const now = settings();
    NotifyState told;
    if (auto const kept = index->value(damage_state_key); kept && *kept) told = notify_state_from(**kept);
    NotifyDecision const decision = decide(told, NotifyKind::failure, failure, clock.now(), std::chrono::nanoseconds(now.service.notify_interval));
    if (auto const kept = index->set_value(damage_state_key, to_text(told)); !kept) log_warning(kept.error().text());
    if (!decision.tell) return;
    CommandEvent event;
    event.event = "damage";
    event.error = what;
    run(now.service.on_failure, std::move(event));
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  Config config;
  bool ending = false;
  std::stop_source stop;
  std::shared_ptr<Index> index;
  Clock& clock;
  EnvironmentMap const environment;
  NotifyState state;
  std::thread thread;
};

FollowUp::FollowUp(Config const& config, std::shared_ptr<Index> index, Clock& clock)
    : impl_(std::make_unique<Impl>(config, std::move(index), clock)) {}

FollowUp::~FollowUp() {
  impl_->stop.request_stop();
  {
    std::scoped_lock lock(impl_->mutex);
    impl_->ending = true;
    impl_->changed.notify_all();
  }
  impl_->thread.join();
}

void FollowUp::configure(Config const& config) {
  std::scoped_lock lock(impl_->mutex);
  impl_->config = config;
}

void FollowUp::started() {
  impl_->add([impl = impl_.get()] { impl->ping(Ping::start, {}); });
}

void FollowUp::succeeded(std::string snapshot, std::string report, std::string damage) {
  impl_->add([impl = impl_.get(), snapshot = std::move(snapshot), report = std::move(report), damage = std::move(damage)] {
    if (damage.empty()) impl->ping(Ping::success, report);
    else impl->ping(Ping::failure, damage);
    CommandEvent event;
    event.snapshot = snapshot;
    impl->tell(NotifyKind::success, {}, std::move(event));
  });
}

void FollowUp::failed(std::string error, std::string code) {
  impl_->add([impl = impl_.get(), error = std::move(error), code = std::move(code)] {
    impl->ping(Ping::failure, error);
    Error shape;
    shape.message = code + " " + error;
    CommandEvent event;
    event.error = error;
    impl->tell(NotifyKind::failure, failure_key(shape), std::move(event));
  });
}

void FollowUp::stale(std::string what) {
  impl_->add([impl = impl_.get(), what = std::move(what)] {
    CommandEvent event;
    event.error = what;
    impl->tell(NotifyKind::stale, {}, std::move(event));
  });
}

void FollowUp::damaged(std::string what) {
  impl_->add([impl = impl_.get(), what = std::move(what)] {
    impl->ping(Ping::failure, what);
    Error shape;
    shape.message = what;
    impl->tell_damage(failure_key(shape), what);
  });
}

void FollowUp::metrics(std::string text) {
  impl_->add([impl = impl_.get(), text = std::move(text)] {
    Config const now = impl->settings();
    if (now.service.metrics_textfile.empty()) return;
    if (auto const written = write_metrics_textfile(now.service.metrics_textfile, text); !written) log_warning(written.error().text());
  });
}

}  // namespace b2b::service
