// The lane's half: what each step of a restore around a gateway does. On a thread of the reading lane.
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <condition_variable>

#include "core/engine/bucket.h"
#include "core/engine/push.h"
#include "core/engine/restore.h"
#include "core/gateway/installed.h"
#include "core/gateway/operate.h"
#include "core/gateway/probe.h"
#include "core/util/log.h"
#include "core/util/wait.h"
#include "daemon/jobs/answers.h"
#include "daemon/service/rollback.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

// A capture may hold the data lock, or a first push, for as long as it uploads.
constexpr std::chrono::minutes lock_patience{60};
constexpr std::chrono::seconds look_again_after{1};

// OpenClaw's own look at a database that it is about to get.
Result<std::string> check_staged(GatewayOperator& gateway, std::string const& copy, std::string const& name, std::stop_token const& stop) {
  B2B_ASSIGN(auto const verdict, gateway.preflight(copy, name, stop));
  if (!verdict || verdict->verdict == Preflight::Verdict::fits) return std::string();
  std::string const said = verdict->status + (verdict->reason.empty() ? "" : ": " + verdict->reason);
  if (verdict->verdict == Preflight::Verdict::incompatible)
    return make_error(Condition::refused, "the OpenClaw that is installed here cannot use " + printable(name) + " of this snapshot (" + said + ")",
                      "Install the release that wrote it, or choose another snapshot. Nothing was changed", name);
  return "OpenClaw could not tell whether it can use " + printable(name) + " of this snapshot (" + said + ")";
}

json::object as_json(GatewayUp const& up) { return {{"up", up.ready}, {"detail", printable(up.detail)}}; }

// It was to be started, and is not up.
bool is_down(json::object const& report) {
  auto const* const gateway = report.if_contains("gateway");
  auto const* const up = gateway != nullptr && gateway->is_object() ? gateway->get_object().if_contains("up") : nullptr;
  return up != nullptr && up->is_bool() && !up->get_bool();
}

}  // namespace

// Everything that can go wrong before the gateway is touched: is the snapshot there, can what is there now be kept?
Result<Rollback::Prepared> Rollback::prepare(EngineContext& context, jobs::RestoreParameters const& parameters) const {
  Prepared out;
  std::vector<std::string> notes;
  context.progress->phase = "looking for the snapshot";
  B2B_ASSIGN(SnapshotId const id, resolve_snapshot(context, parameters.snapshot, notes));
  out.snapshot = id.text;
  for (std::string const& note : notes) log_warning(note);
  bool const early = parameters.gateway == jobs::GatewayChoice::stop || !parameters.wait;
  if (!parameters.safety || !early) return out;
  context.progress->phase = "waiting for another job";
  auto const lock = DataLock::wait(context.config.state_dir, "restore", *context.clock, lock_patience, context.stop);
  if (!lock) return lock.error();
  context.progress->phase = "taking a safety snapshot";
  auto taken = take_safety_snapshot(context);
  if (!taken) {
    Error error = taken.error();
    error.message = "the safety snapshot of what is there now failed, so nothing was changed: " + error.message;
    return error;
  }
  out.safety = taken->id.text;
  return out;
}

Result<json::object> Rollback::work(EngineContext& context, std::shared_ptr<GatewayOperator> const& gateway, bool engine) {
  for (;;) {
    RollbackState const before = record().state;
    if (!engine && needs_engine()) return json::object{};
    RollbackPlan::Step step = RollbackPlan::Step::none;
    {
      std::scoped_lock lock(mutex_);
      step = plan_->step();
    }
    if (step == RollbackPlan::Step::restore) {
      restore_step(context, *gateway);
    } else if (step == RollbackPlan::Step::start_gateway) {
      start_step(context, *gateway);
    } else if (step == RollbackPlan::Step::check) {
      check_step(context, *gateway);
    }
    if (record().state == before) return json::object{};  // nothing to do, or the daemon ends
    boost::asio::post(*around_.loop, [this] { announce(); });
  }
}

// Everything is fetched by now, so that the gateway is down for no longer than it has to be.
Result<void> Rollback::stop_gateway(EngineContext& context, GatewayOperator& gateway) {
  GatewayState const there = gateway.probe();
  if (there.running == GatewayState::Running::stopped) return {};
  if (is_held_by_command(there))
    return make_error(Condition::refused, there.detail + ", and the restore would change databases under it", "Nothing was changed");
  change([&](RollbackPlan& plan) { return plan.stop_wanted(there); });
  boost::asio::post(*around_.loop, [this] { announce(); });
  auto const result = gateway.stop(context.stop);
  change([&](RollbackPlan& plan) { return plan.stopped(result); });
  boost::asio::post(*around_.loop, [this] { announce(); });
  if (result && record().state != RollbackState::restoring) return make_error(Condition::cancelled, "it was cancelled before anything was changed");
  return result;
}

void Rollback::restore_step(EngineContext& context, GatewayOperator& gateway) {
  // Once only: what was done to the databases since (the gateway, doctor) is not to be rolled back again after a restart.
  RollbackRecord const now = record();
  auto answer = now.restored ? Result<json::object>(now.report) : restore_now(context, now, gateway);
  if (answer) change([&](RollbackPlan& plan) { return plan.swapped(*answer); });
  if (!record().gateway_ran) {
    // Also when the restore failed: the fence was up for a while.
    auto const failed = gateway.service_failed(ending_.get_token());
    if (!failed) return;
    if (*failed) change([](RollbackPlan& plan) { return plan.gateway_wanted(); });
  }
  GatewayState const there = gateway.probe();
  change([&](RollbackPlan& plan) { return plan.restored(answer, there, context.clock->now()); });
}

Result<json::object> Rollback::restore_now(EngineContext& context, RollbackRecord const& record, GatewayOperator& gateway) {
  RestoreOptions options;
  options.snapshot = record.request.snapshot;
  options.paths = record.request.paths;
  options.safety = record.request.safety;
  options.with_secrets = record.request.with_secrets;
  options.confirmed = true;
  if (record.request.mode == RollbackMode::stop && gateway.commands().known())
    options.stop_gateway = [&] { return stop_gateway(context, gateway); };
  options.check_staged = [&](std::string const& copy, std::string const& name) { return check_staged(gateway, copy, name, context.stop); };
  // The next daemon may find the swap done, and be without a store to ask what it was.
  options.committing = [&](RestoreReport const& report) -> Result<void> {
    change([&](RollbackPlan& plan) { return plan.committing(jobs::restore_answer(report)); });
    return {};
  };
  options.installed_openclaw = [&] {
    return installed_openclaw(context.config.state_dir, around_.home, around_.environment, context.stop, *context.clock);
  };
  auto const began = context.clock->monotonic();
  for (;;) {
    auto report = b2b::restore(context, options);
    if (report) {
      if (record.tries > 0)
        report->notes.insert(report->notes.begin(), "the daemon was restarted on the way: what it had begun was finished or undone first");
      return jobs::restore_answer(*report);
    }
    bool const later = report.error().condition == Condition::busy && context.clock->monotonic() - began < lock_patience;
    if (!later) return report.error();
    context.progress->phase = "waiting for another job";
    if (!wait_unless_stopped(look_again_after, context.stop)) return make_error(Condition::cancelled, "interrupted while waiting for another job", "Nothing was changed");
  }
}

void Rollback::start_step(EngineContext& context, GatewayOperator& gateway) {
  context.progress->phase = "starting the gateway";
  // Cancelling the restore must not keep the gateway down: only the daemon's end interrupts this.
  auto const up = gateway.start(ending_.get_token());
  if (!up) return;
  change([&](RollbackPlan& plan) { return plan.started(as_json(*up)); });
}

// A start migrates and repairs what it needs by itself, so doctor is for what is left. One that does not come up is looked at while it
// is down, and started once more: what kept it down may be among what doctor puts right.
void Rollback::check_step(EngineContext& context, GatewayOperator& gateway) {
  context.progress->phase = "running openclaw doctor";
  bool const down = is_down(record().report);
  auto const doctor = down ? gateway.doctor_before_start(ending_.get_token()) : gateway.doctor(ending_.get_token());
  if (!doctor) return;  // the daemon ends; the next one asks again
  std::optional<json::object> again;
  if (down && doctor->ran) {
    context.progress->phase = "starting the gateway";
    auto const up = gateway.start(ending_.get_token());
    if (!up) return;
    again = as_json(*up);
  }
  json::object said{{"ran", doctor->ran}, {"good", doctor->good}, {"text", printable(doctor->text)}};
  change([&](RollbackPlan& plan) { return plan.checked(std::move(said), std::move(again)); });
}

}  // namespace b2b::service
