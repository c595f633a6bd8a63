// A restore around a gateway in words, for the status, the answers and the person who waits for it.
#include <algorithm>
#include <boost/json.hpp>

#include "core/util/encoding.h"
#include "daemon/service/rollback_plan.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

std::string in_words(std::chrono::nanoseconds time) {
  auto const seconds = std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(time).count());
  if (seconds < 120) return std::to_string(seconds) + " s";
  return std::to_string((seconds + 30) / 60) + " minutes";
}

std::string number_of(json::object const& report, std::string_view name) {
  auto const* const value = report.if_contains(name);
  return value == nullptr ? std::string("0") : json::serialize(*value);
}

std::string text_of(json::object const& report, std::string_view name) {
  auto const* const value = report.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string().data(), value->get_string().size()) : std::string();
}

json::object const* member(json::object const& report, std::string_view name) {
  auto const* const value = report.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

// What became of the gateway, or empty.
std::string gateway_sentence(RollbackRecord const& record) {
  auto const* const gateway = member(record.report, "gateway");
  if (gateway == nullptr) return {};
  auto const* const up = gateway->if_contains("up");
  if (up == nullptr || !up->is_bool()) return {};
  return up->get_bool() ? " The gateway is up again."
                        : " THE GATEWAY IS NOT UP: " + text_of(*gateway, "detail") + ". Start it by hand, and look at its log.";
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
  std::string out = "Snapshot " + snapshot + " is restored as soon as somebody stops the gateway, within " +
                    in_words(record.expires - now) + ". It is not started again by itself, since it was not stopped by itself.";
  if (record.request.mode == RollbackMode::stop) out += " It cannot be stopped from here: " + missing + ".";
  return out;
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
      return "Snapshot " + snapshot + " was restored: " + number_of(record.report, "restored") + " files came back, " +
             number_of(record.report, "removed") + " were set aside." + gateway_sentence(record);
    case RollbackState::failed:
      if (record.tries > 0)
        return "The restore of snapshot " + snapshot + " was interrupted and could not be gone on with: " + record.problem +
               ". The state is whole: it is the old one or the snapshot's." + gateway_sentence(record);
      return "Snapshot " + snapshot + " was not restored: " + record.problem + "." + gateway_sentence(record);
    case RollbackState::cancelled: return "The restore of snapshot " + snapshot + " was cancelled." + gateway_sentence(record);
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
                   {"text", rollback_text(record, obstacle, now)}};
  out["safety"] = record.safety.empty() ? json::value(nullptr) : json::value(record.safety);
  out["report"] = record.report.empty() ? json::value(nullptr) : json::value(record.report);
  return out;
}

std::vector<std::string> rollback_advice(RollbackRecord const& record) {
  std::vector<std::string> out;
  if (!record.restored) return out;
  std::string const quarantine = text_of(record.report, "quarantine");
  if (!quarantine.empty()) out.push_back("What was replaced, and what the snapshot does not hold, is in " + quarantine + ". Nobody removes it: delete it when you miss nothing");
  if (!record.safety.empty() || record.report.contains("safety"))
    out.emplace_back("What was there before can be brought back like any snapshot: daemonctl restore " +
                     (text_of(record.report, "safety").empty() ? record.safety : text_of(record.report, "safety")));
  if (!record.request.paths.empty()) return out;
  out.emplace_back("A channel whose keys move on with each message (WhatsApp) may have to be linked again");
  out.emplace_back("Approvals and pairings are those of the snapshot: what was granted since is to be granted again, what was revoked since "
                   "is to be revoked again");
  out.emplace_back("Messages that waited for their delivery are not sent: those queues were emptied");
  return out;
}

}  // namespace b2b::service
