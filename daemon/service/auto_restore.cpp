#include "daemon/service/auto_restore.h"

#include <boost/json.hpp>

#include "core/engine/bucket.h"
#include "core/engine/fresh_state.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/restore.h"
#include "core/gateway/own.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::chrono::hours future_allowance{24};
constexpr std::size_t problems_named = 3;

// For the person: the first of them whole, and how many there are.
std::string problems_of(RestoreReport const& report) {
  std::string out;
  for (std::size_t i = 0; i < report.failed.size() && i < problems_named; ++i)
    out += (i == 0 ? "" : "; ") + printable(report.failed[i].path) + ": " + printable(report.failed[i].error);
  if (report.failed.size() > problems_named) out += "; and " + std::to_string(report.failed.size() - problems_named) + " more";
  return out;
}

json::object not_restored(std::string reason) { return {{"restored", false}, {"reason", std::move(reason)}}; }

// Why the newest complete snapshot is not restored by itself, with what to say instead; empty when it may be.
Result<std::string> reason_to_ask(EngineContext& context, BucketListing const& listing) {
  B2B_ASSIGN(TimePoint const now, context.store->now(context.stop));
  std::string newest, older;
  for (auto at = listing.snapshots.rbegin(); at != listing.snapshots.rend() && older.empty(); ++at) {
    SnapshotInfo const& info = at->info;
    bool const complete = at->has_manifest && at->problem.empty() && info.complete;
    if (!complete || info.id.kind != SnapshotKind::regular || info.id.time > now + future_allowance) continue;
    bool const is_signed = restores_unasked(context.config, info, at->signature);
    if (newest.empty() && is_signed) return std::string();
    if (newest.empty()) newest = info.id.text;
    if (is_signed) older = info.id.text;
  }
  if (newest.empty()) return std::string();
  return "this machine is new, and the newest snapshot, " + newest + ", carries no signature of ours, so nothing is restored by itself. " +
         "If you trust it: daemonctl restore " + newest + (older.empty() ? "" : " (or daemonctl restore " + older + ", older and signed)");
}

// Did another machine push within the last hour? By the store's clock.
Result<bool> recently_shared(EngineContext& context, BucketListing const& listing) {
  B2B_ASSIGN(TimePoint const now, context.store->now(context.stop));
  for (ListedSnapshot const& snapshot : listing.snapshots) {
    bool const other = !snapshot.info.instance.empty() && snapshot.info.instance != context.instance.id;
    if (other && snapshot.info.id.time > now - std::chrono::hours(1)) return true;
  }
  return false;
}

}  // namespace

Result<AutoRestoreWish> wants_auto_restore(Config const& config, Index& index, std::stop_token const& stop) {
  AutoRestoreWish wish;
  B2B_ASSIGN(auto const last_good, index.value("last-good"));
  bool const pushed = last_good.has_value() || path_exists(index.base_catalog_path());
  std::optional<std::string> used;
  if (path_exists(config.state_dir)) {
    B2B_ASSIGN(used, sign_of_use(config.state_dir, stop));
  }
  if (used) return wish;
  if (pushed) {
    wish.alarm = "the state directory " + config.state_dir +
                 " is empty, although this machine has backed it up before. Is its disk mounted? Nothing is restored by itself here; "
                 "daemonctl restore latest brings the last snapshot back";
    return wish;
  }
  wish.wanted = config.service.auto_restore;
  return wish;
}

Result<json::object> auto_restore(EngineContext& context) {
  context.progress->phase = "looking for a snapshot to restore";
  B2B_ASSIGN(BucketListing const listing, list_bucket(context, false));
  B2B_ASSIGN(std::string const ask, reason_to_ask(context, listing));
  if (!ask.empty()) return not_restored(ask);
  if (listing.snapshots.empty()) {
    B2B_ASSIGN(std::string const hidden, hidden_snapshots(context));
    if (!hidden.empty()) return not_restored("this machine is new, and nothing is restored by itself: " + hidden);
  }
  std::vector<std::string> notes;
  auto const id = resolve_snapshot(context, "latest", notes);
  for (std::string const& note : notes) log_warning(note);
  if (!id && id.error().condition == Condition::not_found) return not_restored("");
  if (!id) return id.error();
  GatewayState const gateway = probe_own_gateway(context.config);
  if (gateway.running != GatewayState::Running::stopped)
    return not_restored("this machine is new, but its gateway runs or may run (" + gateway.detail +
                        "), so nothing is restored by itself. Stop it, then: daemonctl restore latest");
  B2B_ASSIGN(bool const shared, recently_shared(context, listing));

  RestoreOptions options;
  options.snapshot = id->text;
  options.confirmed = true;
  B2B_ASSIGN(RestoreReport const report, restore(context, options));
  for (std::string const& note : report.notes) log_info(note);
  json::object answer{{"restored", true},
                      {"snapshot", id->text},
                      {"files", report.restored},
                      {"failed", report.failed.size()},
                      {"problems", problems_of(report)},
                      {"shared", shared}};
  return answer;
}

}  // namespace b2b::service
