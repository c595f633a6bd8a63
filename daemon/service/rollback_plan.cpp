#include "daemon/service/rollback_plan.h"

#include <array>
#include <boost/json/array.hpp>
#include <utility>

namespace b2b::service {
namespace {

using Running = GatewayState::Running;

constexpr std::array<std::pair<RollbackState, std::string_view>, 9> names{{{RollbackState::queued, "queued"},
                                                                          {RollbackState::stopping_gateway, "stopping-gateway"},
                                                                          {RollbackState::restoring, "restoring"},
                                                                          {RollbackState::starting_gateway, "starting-gateway"},
                                                                          {RollbackState::checking, "checking"},
                                                                          {RollbackState::done, "done"},
                                                                          {RollbackState::failed, "failed"},
                                                                          {RollbackState::cancelled, "cancelled"},
                                                                          {RollbackState::expired, "expired"}}};

}  // namespace

std::string_view state_name(RollbackState state) {
  for (auto const& [known, name] : names)
    if (known == state) return name;
  return "failed";
}

std::optional<RollbackState> rollback_state_from(std::string_view text) {
  for (auto const& [known, name] : names)
    if (name == text) return known;
  return std::nullopt;
}

std::string_view mode_name(RollbackMode mode) { return mode == RollbackMode::stop ? "stop" : "when-stopped"; }

RollbackPlan::Step RollbackPlan::step() const {
  switch (record_.state) {
    case RollbackState::queued: return Step::wait;
    case RollbackState::stopping_gateway:
    case RollbackState::restoring: return Step::restore;
    case RollbackState::starting_gateway: return Step::start_gateway;
    case RollbackState::checking: return Step::check;
    default: return Step::none;
  }
}

// The gateway is started first, if it is to run; what was restored is looked at.
void RollbackPlan::end(RollbackState outcome, Error const* error) {
  record_.outcome = outcome;
  if (error != nullptr) {
    record_.problem = error->text();
    record_.condition = error->condition;
  }
  go(record_.gateway_ran ? RollbackState::starting_gateway : after_start());
}

RollbackState RollbackPlan::after_start() const { return record_.restored ? RollbackState::checking : record_.outcome; }

bool RollbackPlan::looked(GatewayState const& gateway, TimePoint now, bool can_stop) {
  if (record_.state != RollbackState::queued) return false;
  if (now < record_.asked) {  // somebody set the clock back: it would wait for as much longer
    auto const back = record_.asked - now;
    record_.asked -= back;
    record_.not_before -= back;
    record_.expires -= back;
  }
  if (gateway.running == Running::stopped) {
    go(RollbackState::restoring);
    return true;
  }
  if (record_.request.mode == RollbackMode::stop && can_stop && !is_held_by_command(gateway)) {
    if (now < record_.not_before) return false;
    go(RollbackState::restoring);
    return true;
  }
  if (now < record_.expires) return false;
  go(RollbackState::expired);
  record_.problem = is_held_by_command(gateway) ? gateway.detail + ", and did not end in time, so nothing was restored"
                                                : std::string("the gateway was not stopped in time, so nothing was restored");
  record_.condition = Condition::refused;
  return true;
}

bool RollbackPlan::stop_wanted(GatewayState const& gateway) {
  if (record_.state != RollbackState::restoring) return false;
  record_.gateway_ran = record_.gateway_ran || (gateway.running != Running::stopped && !is_held_by_command(gateway));
  go(RollbackState::stopping_gateway);
  return true;
}

bool RollbackPlan::stopped(Result<void> const& result) {
  if (record_.state != RollbackState::stopping_gateway) return false;
  if (result && !record_.cancel_wanted) {
    go(RollbackState::restoring);
    return true;
  }
  Error const error =
      result ? make_error(Condition::cancelled, "it was cancelled before anything was changed") : result.error();
  if (error.condition == Condition::cancelled && !record_.cancel_wanted) return false;  // the daemon ends; the next one goes on
  end(record_.cancel_wanted ? RollbackState::cancelled : RollbackState::failed, &error);
  return true;
}

bool RollbackPlan::restored(Result<boost::json::object> const& answer, GatewayState const& gateway, TimePoint now) {
  if (record_.state != RollbackState::restoring) return false;
  if (answer) {
    record_.report = *answer;
    record_.restored = true;
    boost::json::array advice;
    for (std::string const& line : rollback_advice(record_)) advice.emplace_back(line);
    record_.report["advice"] = std::move(advice);
    end(RollbackState::done, nullptr);
    return true;
  }
  if (record_.restored) return restored(boost::json::object(record_.report), gateway, now);  // too late for it
  record_.report.clear();
  Error const& error = answer.error();
  if (error.condition == Condition::cancelled) {
    if (!record_.cancel_wanted) return false;  // the daemon ends; the next one goes on
    end(RollbackState::cancelled, &error);
    return true;
  }
  bool const others = record_.request.mode == RollbackMode::when_stopped || is_held_by_command(gateway);
  bool const waits = others && !record_.gateway_ran && now < record_.expires;
  bool const in_the_way = error.condition == Condition::refused && gateway.running != Running::stopped;
  if (waits && in_the_way) {
    go(RollbackState::queued);
    return true;
  }
  end(RollbackState::failed, &error);
  return true;
}

bool RollbackPlan::committing(boost::json::object const& answer) {
  if (record_.state != RollbackState::restoring || record_.restored) return false;
  record_.report = answer;
  return true;
}

bool RollbackPlan::swapped(boost::json::object const& answer) {
  if (record_.state != RollbackState::restoring || record_.restored) return false;
  record_.report = answer;
  record_.restored = true;
  return true;
}

bool RollbackPlan::gateway_wanted() { return !std::exchange(record_.gateway_ran, true); }

bool RollbackPlan::started(boost::json::object gateway) {
  if (record_.state != RollbackState::starting_gateway) return false;
  record_.report["gateway"] = std::move(gateway);
  go(after_start());
  return true;
}

bool RollbackPlan::checked(boost::json::object doctor, std::optional<boost::json::object> gateway) {
  if (record_.state != RollbackState::checking) return false;
  record_.report["doctor"] = std::move(doctor);
  if (gateway) record_.report["gateway"] = std::move(*gateway);
  go(record_.outcome);
  return true;
}

bool RollbackPlan::cancel() {
  if (record_.state == RollbackState::queued) {
    go(RollbackState::cancelled);
    record_.problem = "it was cancelled before anything was changed";
    record_.condition = Condition::cancelled;
    return true;
  }
  if (record_.state != RollbackState::stopping_gateway && record_.state != RollbackState::restoring) return false;
  record_.cancel_wanted = true;
  return true;
}

bool RollbackPlan::resumed(std::uint64_t job) {
  record_.job = job;
  if (has_ended(record_.state)) return false;
  if (record_.state == RollbackState::queued) return true;
  ++record_.tries;
  if (record_.state == RollbackState::starting_gateway) return true;
  if (record_.state == RollbackState::checking) {
    if (record_.tries > tries_max)
      checked({{"ran", false}, {"good", false}, {"text", "the daemon ended " + std::to_string(record_.tries) + " times on the way"}}, std::nullopt);
    return true;
  }
  go(RollbackState::restoring);
  if (record_.cancel_wanted && !record_.restored) {
    Error const error = make_error(Condition::cancelled, "it was cancelled");
    end(RollbackState::cancelled, &error);
  } else if (record_.tries > tries_max && !record_.restored) {
    Error const error = make_error(Condition::internal, "the daemon ended " + std::to_string(record_.tries) + " times on the way");
    end(RollbackState::failed, &error);
  }
  return true;
}

std::optional<RollbackRecord> record_of_interrupted(std::string const& snapshot, bool gateway_ran, bool undone, TimePoint now) {
  if (snapshot.empty() || (undone && !gateway_ran)) return std::nullopt;
  RollbackRecord out;
  out.request.snapshot = snapshot;
  out.asked = out.not_before = out.expires = now;
  out.gateway_ran = gateway_ran;
  out.restored = !undone;
  out.state = undone ? RollbackState::starting_gateway : RollbackState::restoring;
  if (undone) {
    out.outcome = RollbackState::failed;
    out.problem = "it was interrupted, and undone";
  }
  return out;
}

bool RollbackPlan::failed(Error const& error) {
  if (has_ended(record_.state) || record_.state == RollbackState::starting_gateway || record_.state == RollbackState::checking) return false;
  end(RollbackState::failed, &error);
  return true;
}

}  // namespace b2b::service
