// What a restore around the gateway would do about it, and what became of the last one: the two ends of rollback.h, in words.
#include "daemon/service/rollback.h"

namespace b2b::service {

std::string Rollback::preview(jobs::RestoreParameters const& parameters) const {
  GatewayState const gateway = probe();
  if (gateway.running == GatewayState::Running::stopped) return "No gateway runs: none has to be stopped, and none is started.";
  std::uint64_t const minutes = (parameters.expires_seconds + 30) / 60;
  std::string const how_long = minutes < 2 ? std::to_string(parameters.expires_seconds) + " s" : std::to_string(minutes) + " minutes";
  if (is_held_by_command(gateway))
    return "It waits, for " + how_long + " at most, until this ends: " + gateway.detail + ". No gateway runs, so none is started afterwards.";
  if (parameters.gateway == jobs::GatewayChoice::when_stopped)
    return "It waits, for " + how_long + " at most, until somebody stops the gateway. Whoever stops it starts it again.";
  std::string const why = make_operator()->commands().missing;
  if (why.empty()) return "The gateway is stopped for it, and started again.";
  return "The gateway runs, and it cannot be stopped from here: " + why + ". The restore waits, for " + how_long +
         " at most, until you stop the gateway yourself (openclaw gateway stop, or end it where you started it). Then start it again yourself.";
}

std::optional<jobs::RestoreEnd> Rollback::ended() const {
  if (!plan_) return std::nullopt;
  RollbackRecord const now = record();
  if (!has_ended(now.state)) return std::nullopt;
  jobs::RestoreEnd end = restore_end(now);
  end.text = rollback_text(now, {}, around_.clock->now());
  return end;
}

}  // namespace b2b::service
