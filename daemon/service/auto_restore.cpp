#include "daemon/service/auto_restore.h"

#include <array>
#include <boost/json.hpp>

#include "core/config/json5.h"
#include "core/engine/bucket.h"
#include "core/engine/fresh_state.h"
#include "core/engine/restore.h"
#include "core/gateway/probe.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 2> plugin_names{"b2-backup", "openclaw-b2-backup"};
constexpr std::uint64_t config_limit_bytes = 4 << 20;
constexpr std::chrono::hours future_allowance{24};

json::object not_restored(std::string reason) { return {{"restored", false}, {"reason", std::move(reason)}}; }

json::object* entries_of(json::value& config, bool make) {
  if (!config.is_object()) return nullptr;
  json::object* at = &config.get_object();
  for (std::string_view const key : {"plugins", "entries"}) {
    json::value* next = at->if_contains(key);
    if (next == nullptr && make) {
      next = &(*at)[key];
      next->emplace_object();
    }
    if (next == nullptr) return nullptr;
    if (next->is_null() && make) next->emplace_object();
    if (!next->is_object()) return nullptr;
    at = &next->get_object();
  }
  return at;
}

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

std::optional<std::string> keep_plugin_entry(std::string_view local, std::string_view restored) {
  auto mine = parse_json5(local, "openclaw.json");
  auto theirs = parse_json5(restored, "openclaw.json");
  if (!mine || !theirs || !theirs->is_object()) return std::nullopt;
  json::object const* const from = entries_of(*mine, false);
  if (from == nullptr) return std::nullopt;
  json::object* const to = entries_of(*theirs, true);
  if (to == nullptr) return std::nullopt;
  bool any = false;
  for (std::string_view const name : plugin_names) {
    auto const* const entry = from->if_contains(name);
    if (entry == nullptr) continue;
    (*to)[name] = *entry;
    any = true;
  }
  if (!any) return std::nullopt;
  return json::serialize(*theirs) + "\n";
}

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
  std::vector<std::string> notes;
  auto const id = resolve_snapshot(context, "latest", notes);
  for (std::string const& note : notes) log_warning(note);
  if (!id && id.error().condition == Condition::not_found) return not_restored("");
  if (!id) return id.error();
  GatewayState const gateway = probe_gateway(context.config.state_dir, context.config.service.gateway.port);
  if (gateway.running != GatewayState::Running::stopped)
    return not_restored("this machine is new, but its gateway runs or may run (" + gateway.detail +
                        "), so nothing is restored by itself. Stop it, then: daemonctl restore latest");
  B2B_ASSIGN(bool const shared, recently_shared(context, listing));
  std::string const config_path = join_path(context.config.state_dir, "openclaw.json");
  auto const local = read_file(config_path, config_limit_bytes);

  RestoreOptions options;
  options.snapshot = id->text;
  options.confirmed = true;
  B2B_ASSIGN(RestoreReport const report, restore(context, options));
  if (local) {
    auto const restored = read_file(config_path, config_limit_bytes);
    auto const kept = restored ? keep_plugin_entry(*local, *restored) : std::nullopt;
    if (kept) B2B_TRY(atomic_write_file(config_path, *kept));
  }
  json::object answer{{"restored", true},
                      {"snapshot", id->text},
                      {"files", report.restored},
                      {"failed", report.failed.size()},
                      {"shared", shared}};
  return answer;
}

}  // namespace b2b::service
