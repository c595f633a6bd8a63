// The loop's half: asking, waiting, cancelling, telling. rollback_steps.cpp carries the steps out.
#include "daemon/service/rollback.h"

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <utility>

#include "core/config/openclaw_config.h"
#include "core/gateway/own.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "daemon/service/rollback_record.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds look_interval{2};
constexpr std::chrono::seconds retry_interval{15};
constexpr unsigned engine_tries = 3;   // the coordinator's, which are 15 s and 30 s apart

Error daemon_ends() {
  return make_error(Condition::cancelled, "the daemon is stopping; the restore goes on when it runs again",
                    "daemonctl status shows it then, daemonctl cancel gives it up");
}

}  // namespace

Rollback::Rollback(RollbackSurroundings surroundings) : around_(std::move(surroundings)), timer_(*around_.loop) {}
Rollback::~Rollback() = default;

Result<void> Rollback::load() {
  auto found = load_rollback_record(around_.data_dir);
  if (!found) return found.error();
  if (!*found) return {};
  RollbackState const state = (*found)->state;
  std::string const snapshot = (*found)->request.snapshot;
  told_ = state;
  plan_.emplace(std::move(**found));
  if (has_ended(state)) return {};
  B2B_TRY(hold_place());
  return hold_snapshot(snapshot);
}

void Rollback::settled(RecoveredRestores const& found) {
  if (std::exchange(settled_, true)) return;
  bool const ours = plan_ && !has_ended(record().state) && record().state != RollbackState::queued;
  if (found.databases && ours && !found.undone && !record().report.empty()) {
    change([&](RollbackPlan& plan) { return plan.swapped(plan.record().report); });
  } else if (found.databases && !ours && (!plan_ || has_ended(record().state))) {
    auto left = record_of_interrupted(found.databases->snapshot, found.databases->gateway_ran, found.undone, around_.clock->now());
    if (!left) return;
    if (auto const kept = keep_rollback_record(around_.data_dir, *left); !kept) log_error(kept.error().text());
    std::scoped_lock lock(mutex_);
    plan_.emplace(std::move(*left));
    told_.reset();
  }
  if (!plan_ || taken_up_ || has_ended(record().state) || record().state == RollbackState::queued || needs_engine()) return;
  take_up();
}

void Rollback::recovered() {
  settled_ = true;
  if (!plan_ || taken_up_ || running_ || has_ended(record().state)) return;
  take_up();
}

void Rollback::engine_failed(Error const& error) {
  if (!plan_ || taken_up_ || !settled_ || has_ended(record().state) || record().state == RollbackState::queued) return;
  bool const passing = error.condition == Condition::unreachable || error.condition == Condition::throttled || error.condition == Condition::busy;
  if (passing && ++engine_failures_ < engine_tries) return;
  change([&](RollbackPlan& plan) { return plan.failed(error); });
  take_up();
}

void Rollback::take_up() {
  taken_up_ = true;
  JobId const job = around_.coordinator().reserve();
  change([&](RollbackPlan& plan) { return plan.resumed(job); });
  log_warning("an earlier daemon left a restore: " + rollback_text(record(), obstacle(), around_.clock->now()));
  announce();
  advance();
}

void Rollback::ask(jobs::RestoreParameters const& parameters, control::Responder responder) {
  bool const one_there = preparing_ != 0 || (plan_ && !has_ended(record().state));
  if (one_there) {
    Error error = make_error(Condition::busy, "another restore waits for the gateway or is at work",
                             "daemonctl status shows it, daemonctl cancel gives it up");
    error.retryable = true;
    return responder.fail(error);
  }
  if (!parameters.yes)
    return responder.fail(make_error(Condition::refused, "this restore would overwrite what is there now; nothing was changed",
                                     "Add --yes (yes: true) to do it, or --dry-run (dryRun: true) to look first"));
  if (auto const held = hold_place(); !held) return responder.fail(held.error());
  auto const shared = std::make_shared<control::Responder>(std::move(responder));
  auto const prepared_parts = std::make_shared<Prepared>();
  preparing_ = around_.coordinator().reserve();
  around_.coordinator().run(
      Lane::reading, "restore",
      [this, parameters, prepared_parts](EngineContext& context) -> Result<json::object> {
        B2B_ASSIGN(*prepared_parts, prepare(context, parameters));
        return json::object{};
      },
      [this, parameters, prepared_parts, shared, job = preparing_](Result<json::object> const& result) {
        Result<Prepared> const outcome = result ? Result<Prepared>(*prepared_parts) : Result<Prepared>(result.error());
        boost::asio::post(*around_.loop, [this, parameters, job, outcome, shared] { prepared(parameters, job, outcome, std::move(*shared)); });
      },
      preparing_);
}

void Rollback::prepared(jobs::RestoreParameters const& parameters, JobId job, Result<Prepared> const& result, control::Responder responder) {
  preparing_ = 0;
  auto const fail = [&](Error const& error) {
    place_.reset();
    snapshot_.reset();
    responder.fail(error);
  };
  if (!result) return fail(result.error());
  if (ending_.stop_requested()) return fail(make_error(Condition::cancelled, "the daemon is stopping. Nothing was changed"));
  TimePoint const now = around_.clock->now();
  RollbackRecord fresh;
  fresh.request.snapshot = result->snapshot;
  fresh.request.paths = parameters.paths;
  fresh.request.safety = parameters.safety;
  fresh.request.with_secrets = parameters.with_secrets;
  fresh.request.mode = parameters.gateway == jobs::GatewayChoice::stop ? RollbackMode::stop : RollbackMode::when_stopped;
  fresh.job = job;
  fresh.asked = now;
  fresh.not_before = now + std::chrono::seconds(parameters.delay_seconds);
  fresh.expires = now + std::chrono::seconds(parameters.expires_seconds);
  fresh.safety = result->safety;
  if (auto const held = hold_snapshot(fresh.request.snapshot); !held) return fail(held.error());
  if (auto const kept = keep_rollback_record(around_.data_dir, fresh); !kept) return fail(kept.error());
  {
    std::scoped_lock lock(mutex_);
    plan_.emplace(fresh);
  }
  told_.reset();
  if (parameters.wait) waiting_.push_back(std::move(responder));
  look();  // a gateway that is stopped is not waited for
  announce();
  if (parameters.wait) return;
  json::object answer = rollback_answer(record(), obstacle(), now);
  for (std::string_view const name : {"state", "report", "waits"}) answer.erase(name);
  answer["queued"] = true;
  responder.ok(std::move(answer));
}

std::optional<Result<void>> Rollback::cancel(JobId job) {
  if (job != 0 && job == preparing_) return around_.coordinator().cancel(job) ? Result<void>() : Result<void>(daemon_ends());
  if (!plan_ || record().job != job || has_ended(record().state)) return std::nullopt;
  if (!change([](RollbackPlan& plan) { return plan.cancel(); }))
    return make_error(Condition::refused, "it is too late to cancel: " + rollback_text(record(), {}, around_.clock->now()));
  around_.coordinator().cancel(job);
  announce();
  advance();
  return Result<void>();
}

void Rollback::look() {
  if (!plan_ || running_ || record().state != RollbackState::queued) return;
  bool const can_stop = obstacle().missing.empty();
  GatewayState const gateway = probe();
  TimePoint const now = around_.clock->now();
  change([&](RollbackPlan& plan) { return plan.looked(gateway, now, can_stop); });
  announce();
  advance();
}

void Rollback::advance() {
  if (!plan_ || running_ || ending_.stop_requested()) return;
  RollbackPlan::Step step = RollbackPlan::Step::none;
  {
    std::scoped_lock lock(mutex_);
    step = plan_->step();
  }
  timer_.cancel();
  if (step == RollbackPlan::Step::none) {
    place_.reset();
    snapshot_.reset();
    return;
  }
  if (step != RollbackPlan::Step::wait) return run_steps();
  if (auto const held = hold_place(); !held) log_warning(held.error().text());
  timer_.expires_after(look_interval);
  timer_.async_wait([this](boost::system::error_code code) {
    if (!code && !ending_.stop_requested()) look();
  });
}

bool Rollback::needs_engine() const {
  std::scoped_lock lock(mutex_);
  return plan_->step() == RollbackPlan::Step::restore && !plan_->record().restored;
}

void Rollback::run_steps() {
  running_ = true;
  place_.reset();  // the restore takes it itself
  bool const engine = needs_engine();
  auto steps = [this, engine, gateway = make_operator()](EngineContext& context) { return work(context, gateway, engine); };
  auto ended = [this](Result<json::object> const& result) { boost::asio::post(*around_.loop, [this, result] { steps_ended(result); }); };
  if (engine) {
    around_.coordinator().run(Lane::reading, "restore", std::move(steps), std::move(ended), record().job);
  } else {
    around_.coordinator().run_bare("restore", std::move(steps), std::move(ended), record().job);
  }
}

void Rollback::steps_ended(Result<json::object> const& result) {
  running_ = false;
  if (ending_.stop_requested()) return;
  if (result) {
    announce();
    return advance();
  }
  // Not even begun: it was cancelled, or the engine could not be opened.
  GatewayState const gateway = probe();
  TimePoint const now = around_.clock->now();
  bool const changed = change([&](RollbackPlan& plan) { return plan.stopped(result.error()) || plan.restored(result.error(), gateway, now); });
  announce();
  if (changed) return advance();
  log_error("the gateway is to be started again, and that has to wait: " + result.error().text());
  timer_.expires_after(retry_interval);
  timer_.async_wait([this](boost::system::error_code code) {
    if (!code) advance();
  });
}

bool Rollback::active() const {
  if (!plan_) return false;
  RollbackState const state = record().state;
  return state != RollbackState::queued && !has_ended(state);
}

json::value Rollback::status() const {
  if (!plan_) return nullptr;
  RollbackRecord const now = record();
  return rollback_answer(now, obstacle(), around_.clock->now());
}

void Rollback::stop() {
  ending_.request_stop();
  timer_.cancel();
  for (control::Responder& responder : waiting_) responder.fail(daemon_ends());
  waiting_.clear();
  if (plan_ && record().gateway_ran && !has_ended(record().state))
    log_warning("the daemon stops in the middle of a restore around the gateway: the gateway may stay stopped until the daemon runs again");
}

bool Rollback::change(std::function<bool(RollbackPlan&)> const& event) {
  std::scoped_lock lock(mutex_);
  RollbackPlan next = *plan_;
  if (!event(next)) return false;
  auto const kept = keep_rollback_record(around_.data_dir, next.record());
  if (!kept && plan_->record().state == RollbackState::queued && !has_ended(next.record().state)) {
    // Without a record a crash would leave the gateway stopped for good: nothing is begun.
    plan_->failed(kept.error());
    return true;
  }
  // One that is over must not be found as one that waits.
  auto const settled = kept || !has_ended(next.record().state) ? Result<void>() : forget_rollback_record(around_.data_dir);
  if (!kept) log_error("the record of the restore could not be kept, it goes on all the same: " + kept.error().text());
  if (!settled) log_error(settled.error().text());
  plan_ = std::move(next);
  return true;
}

RollbackRecord Rollback::record() const {
  std::scoped_lock lock(mutex_);
  return plan_->record();
}

Result<void> Rollback::hold_place() {
  if (place_) return {};
  auto held = RestoreLock::acquire(around_.data_dir, around_.config().state_dir);
  if (!held) return held.error();
  place_.emplace(std::move(*held));
  return {};
}

Result<void> Rollback::hold_snapshot(std::string const& snapshot) {
  auto const id = parse_snapshot_id(snapshot);
  if (!id) return make_error(Condition::internal, printable(snapshot) + " is no snapshot's id");
  auto held = SnapshotUse::begin(around_.data_dir, *id);
  if (!held) return held.error();
  snapshot_.emplace(std::move(*held));
  return {};
}

void Rollback::announce() {
  RollbackRecord const now = record();
  if (told_ == now.state) return;
  told_ = now.state;
  std::string const text = rollback_text(now, obstacle(), around_.clock->now());
  bool const bad = now.state == RollbackState::failed || text.find("NOT UP") != std::string::npos;
  bad ? log_error(text) : log_warning(text);
  around_.publish("restore", {{"job", now.job}, {"snapshot", now.request.snapshot}, {"state", state_name(now.state)}, {"text", text}});
  if (!has_ended(now.state)) return;
  for (control::Responder& responder : waiting_) {
    if (now.state == RollbackState::done) {
      json::object answer = now.report;
      answer["text"] = text;
      responder.ok(std::move(answer));
    } else {
      responder.fail(make_error(now.condition, text.substr(0, text.find_last_not_of('.') + 1)));
    }
  }
  waiting_.clear();
}

std::shared_ptr<GatewayOperator> Rollback::make_operator() const {
  Config const& config = around_.config();
  OperatorSettings settings;
  settings.configured = config.service.gateway;
  settings.install = find_openclaw(config.state_dir, around_.home, around_.environment);
  settings.state_dir = config.state_dir;
  settings.openclaw_json = config.openclaw_json;
  settings.environment = around_.environment;
  settings.clock = around_.clock;
  settings.probe = [config] { return probe_own_gateway(config); };
  std::string const openclaw_json = config.openclaw_json.empty() ? join_path(config.state_dir, "openclaw.json") : config.openclaw_json;
  settings.port = [openclaw_json, port = config.service.gateway.port] { return port ? port : configured_gateway_port(openclaw_json); };
  return std::make_shared<GatewayOperator>(std::move(settings));
}

GatewayState Rollback::probe() const {
  return probe_own_gateway(around_.config());
}

RollbackObstacle Rollback::obstacle() const {
  if (has_ended(record().state)) return {};
  RollbackObstacle out{make_operator()->commands().missing, {}};
  if (GatewayState const gateway = probe(); is_held_by_command(gateway)) out.command = gateway.detail;
  return out;
}

}  // namespace b2b::service
