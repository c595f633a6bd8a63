// A restore around a gateway in words, for the status, the answers and the person who waits for it.
#include <algorithm>
#include <boost/json.hpp>

#include "core/util/encoding.h"
#include "daemon/jobs/last_restore.h"
#include "daemon/jobs/members.h"
#include "daemon/service/rollback_plan.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::string_view how_to_stop = "openclaw gateway stop, or end it where you started it";

// Nothing happens until somebody stops the gateway.
bool waits_for_a_person(RollbackRecord const& record, RollbackObstacle const& obstacle) {
  return record.state == RollbackState::queued &&
         (record.request.mode == RollbackMode::when_stopped || !obstacle.missing.empty() || !obstacle.command.empty());
}

std::string in_words(std::chrono::nanoseconds time) {
  auto const seconds = std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(time).count());
  if (seconds < 120) return std::to_string(seconds) + " s";
  return std::to_string((seconds + 30) / 60) + " minutes";
}

// What became of the gateway, or empty.
std::string gateway_sentence(RollbackRecord const& record) {
  json::object const& gateway = jobs::object_of(record.report, "gateway");
  auto const* const up = gateway.if_contains("up");
  if (up == nullptr || !up->is_bool()) return {};
  return up->get_bool() ? " The gateway is up again."
                        : " THE GATEWAY IS NOT UP: " + jobs::text_of(gateway, "detail") + ". Start it by hand, and look at its log.";
}

std::string queued_text(RollbackRecord const& record, RollbackObstacle const& obstacle, TimePoint now) {
  std::string const snapshot = printable(record.request.snapshot);
  if (!obstacle.command.empty())
    return "Snapshot " + snapshot + " is restored as soon as this ends, within " + in_words(record.expires - now) + ": " + obstacle.command +
           ". No gateway runs, so none is started afterwards.";
  std::string const& missing = obstacle.missing;
  if (record.request.mode == RollbackMode::stop && missing.empty()) {
    std::string const when = record.not_before > now ? "In " + in_words(record.not_before - now) : std::string("Now");
    return when + " snapshot " + snapshot + " is fetched, the gateway is stopped, everything is put in place, and the gateway is started again.";
  }
  std::string const when = "Snapshot " + snapshot + " is restored as soon as somebody stops the gateway, within " + in_words(record.expires - now) +
                           " (until " + format_iso8601(record.expires).substr(11, 5) + " UTC).";
  if (record.request.mode == RollbackMode::when_stopped) return when + " Whoever stops it starts it again.";
  return "The gateway runs, and it cannot be stopped from here: " + missing + ". Stop it yourself: " + std::string(how_to_stop) + ". " + when +
         " Then start it again yourself.";
}

}  // namespace

std::string rollback_text(RollbackRecord const& record, RollbackObstacle const& obstacle, TimePoint now) {
  std::string const snapshot = printable(record.request.snapshot);
  switch (record.state) {
    case RollbackState::queued: return queued_text(record, obstacle, now);
    case RollbackState::stopping_gateway: return "The gateway is being stopped, for a restore of snapshot " + snapshot + ".";
    case RollbackState::restoring: return "Snapshot " + snapshot + " is being restored.";
    case RollbackState::starting_gateway:
      return std::string(record.restored ? "Snapshot " + snapshot + " was restored" : "Nothing was restored") + "; the gateway is being started.";
    case RollbackState::checking:
      return "Snapshot " + snapshot + " was restored; openclaw doctor looks at it." + gateway_sentence(record);
    case RollbackState::done:
      if (!record.report.contains("restored")) return "Snapshot " + snapshot + " was restored." + gateway_sentence(record);
      return "Snapshot " + snapshot + " was restored: " + jobs::counted(record.report, "restored", "file", "files") + " came back, " +
             jobs::counted(record.report, "removed", "was", "were") + " set aside." + gateway_sentence(record);
    case RollbackState::failed:
      if (record.tries > 0)
        return "The restore of snapshot " + snapshot + " was interrupted and could not be gone on with: " + record.problem +
               ". The state is whole: it is the old one or the snapshot's." + gateway_sentence(record);
      return "Snapshot " + snapshot + " was not restored: " + record.problem + "." + gateway_sentence(record);
    case RollbackState::cancelled: return "The restore of snapshot " + snapshot + " was cancelled, and nothing was changed." + gateway_sentence(record);
    case RollbackState::expired: return "Snapshot " + snapshot + " was not restored: " + record.problem + ".";
  }
  return {};
}

json::object rollback_answer(RollbackRecord const& record, RollbackObstacle const& obstacle, TimePoint now) {
  json::object out{{"job", record.job},
                   {"snapshot", printable(record.request.snapshot)},
                   {"state", state_name(record.state)},
                   {"gateway", mode_name(record.request.mode)},
                   {"expires", format_iso8601(record.expires)},
                   {"text", rollback_text(record, obstacle, now)},
                   {"waits", waits_for_a_person(record, obstacle)}};
  out["safety"] = record.safety.empty() ? json::value(nullptr) : json::value(record.safety);
  out["report"] = record.report.empty() ? json::value(nullptr) : json::value(record.report);
  return out;
}

jobs::RestoreEnd restore_end(RollbackRecord const& record) {
  jobs::RestoreEnd end;
  end.snapshot = record.request.snapshot;
  end.state = has_ended(record.state) ? state_name(record.state) : state_name(record.outcome);
  end.whole_state = record.request.paths.empty();
  end.around_gateway = true;
  if (!record.restored) return end;
  end.safety = jobs::text_of(record.report, "safety").empty() ? record.safety : jobs::text_of(record.report, "safety");
  end.quarantine = jobs::text_of(record.report, "quarantine");
  return end;
}

std::vector<std::string> rollback_advice(RollbackRecord const& record) {
  return record.restored ? jobs::restore_advice(restore_end(record)) : std::vector<std::string>();
}

}  // namespace b2b::service
