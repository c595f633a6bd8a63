#include "core/engine/restore_guard.h"

#include "core/config/openclaw_config.h"
#include "core/engine/openclaw_version.h"
#include "core/gateway/launch.h"
#include "core/gateway/open_by.h"
#include "core/gateway/own.h"
#include "core/gateway/probe.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t paths_at_once = 256;
constexpr std::string_view what_works =
    "Only plain files, which may change while it runs: --path 'workspace/**'. Into another directory, to look at: "
    "--target DIR";

Result<void> nobody_has_open(std::vector<std::string> const& paths) {
  OpenFiles const open = open_by(paths);
  if (!open.openers.empty()) {
    Opener const& first = open.openers.front();
    return make_error(Condition::refused,
                      first.path + " is open in " + printable(first.command) + " (pid " +
                          std::to_string(first.pid) + "), which would be left with a destroyed database",
                      "End that program and restore again. Nothing was changed", first.path);
  }
  if (!open.complete)
    return make_error(Condition::refused,
                      "it cannot be told whether a program has the databases at the target open",
                      std::string(what_works));
  return {};
}

Result<void> nobody_has_databases_open(RestoreSite const& site, PlanStore& plan) {
  std::vector<std::string> paths;
  B2B_TRY(plan.for_each({PlanAction::write_file, PlanAction::make_symlink, PlanAction::move_away},
                        PlanStore::Order::ascending, [&](PlanRow&& row) -> Result<void> {
                          if (!row.item.touches_database) return {};
                          for (char const* const suffix : {"", "-wal", "-shm", "-journal"})
                            paths.push_back(site.tree->absolute(row.item.path) + suffix);
                          if (paths.size() < paths_at_once) return {};
                          auto const checked = nobody_has_open(paths);
                          paths.clear();
                          return checked;
                        }));
  return paths.empty() ? Result<void>() : nobody_has_open(paths);
}

Error gateway_runs(GatewayState const& gateway, std::string const& state_dir, std::string_view what,
                   std::string advice) {
  if (is_held_by_command(gateway))
    return make_error(Condition::refused,
                      gateway.detail + " (" + state_dir + "), and the restore would " + std::string(what) + " under it: that destroys them",
                      "Wait until it ends, or end it, and restore again. --when-stopped: the restore waits for that. " + std::string(what_works) +
                          ". Nothing was changed",
                      state_dir);
  bool const known = gateway.running == GatewayState::Running::running;
  return make_error(
      Condition::refused,
      std::string(known ? "a gateway is running" : "it cannot be told whether a gateway is running") +
          " on " + state_dir + (gateway.detail.empty() ? "" : " (" + gateway.detail + ")") +
          ", and the restore would " + std::string(what) + " under it, which destroys them. Nothing was changed",
      std::move(advice) + ". " + std::string(what_works), state_dir);
}

Result<void> nothing_of_a_target_runs(RestoreSite const& site) {
  std::string const openclaw_json = site.tree->absolute("openclaw.json");
  if (!path_exists(openclaw_json)) return {};
  GatewayState const gateway = probe_gateway(site.target, configured_gateway_port(openclaw_json));
  if (gateway.running == GatewayState::Running::stopped) return {};
  return gateway_runs(gateway, site.target, "replace databases", "Stop the gateway and restore again");
}

GatewayState our_gateway(EngineContext const& context) {
  return probe_own_gateway(context.config);
}

Result<void> our_gateway_is_stopped(EngineContext const& context, std::string_view what = "change databases") {
  GatewayState const gateway = our_gateway(context);
  if (gateway.running == GatewayState::Running::stopped) return {};
  return gateway_runs(gateway, context.config.state_dir, what,
                      context.in_daemon ? "Have it stopped, and started again: --stop-gateway. Let the restore wait until somebody stops "
                                          "it: --when-stopped. Stop it yourself and restore again: openclaw gateway stop"
                                        : "Stop it and restore again: openclaw gateway stop. Have the daemon stop it, and start it "
                                          "again: --stop-gateway, and no --direct");
}

// The fence dies with its holder; after a crash only the missing openclaw.json keeps a gateway from starting on half a state.
Result<void> none_starts_unconfigured(EngineContext const& context) {
  GatewayLaunch launch = gateway_launch_places();
  launch.start_command = context.config.service.gateway.start;
  launch.pid = our_gateway(context).pid;
  auto const found = starts_unconfigured(context.config.state_dir, launch);
  if (!found) return {};
  return make_error(Condition::refused,
                    *found +
                        ", so it could start on half a state if this restore were interrupted: without that option it does "
                        "not start while openclaw.json is away",
                    "Take the option out there. " + std::string(what_works) + ". Nothing was changed",
                    context.config.state_dir);
}

}  // namespace

bool needs_fence(RestoreSite const& site, PlanTotals const& totals) {
  return site.kind == RestoreSite::Kind::in_place && (totals.changes_databases() || totals.changes_gateway_files);
}

Result<void> guard_databases(EngineContext& context, RestoreSite const& site, PlanStore& plan,
                             PlanTotals const& totals, GuardQuestion question) {
  if (site.kind == RestoreSite::Kind::fresh || !site.tree) return {};
  if (site.kind == RestoreSite::Kind::existing) {
    if (totals.databases.empty()) return {};
    B2B_TRY(nothing_of_a_target_runs(site));
    return nobody_has_databases_open(site, plan);
  }
  if (site.kind == RestoreSite::Kind::root) {
    // The gateway keeps no database in a workspace; somebody else may.
    return totals.databases.empty() ? Result<void>() : nobody_has_databases_open(site, plan);
  }
  if (!needs_fence(site, totals)) return {};
  B2B_TRY(none_starts_unconfigured(context));
  if (question == GuardQuestion::all_but_the_running_gateway) return {};
  B2B_TRY(our_gateway_is_stopped(context, totals.changes_databases() ? "change databases" : "change sessions and schedules"));
  return nobody_has_databases_open(site, plan);
}

Result<void> guard_version(EngineContext const& context, RestoreSite const& site, PlanTotals const& totals,
                           SnapshotInfo const& snapshot, std::function<std::string()> const& ask) {
  if (!needs_fence(site, totals) || snapshot.openclaw.empty()) return {};
  std::string installed = ask ? ask() : std::string();
  if (installed.empty() && snapshot.instance == context.instance.id) return {};
  if (installed.empty()) installed = openclaw_version(context.config.state_dir);
  if (!is_newer_openclaw(snapshot.openclaw, installed)) return {};
  return make_error(Condition::refused,
                    "the snapshot is from OpenClaw " + printable(snapshot.openclaw) + ", and here is " +
                        printable(installed) +
                        ", which cannot be relied on to open databases of a newer release",
                    "Update OpenClaw (openclaw update) and restore again, choose an older snapshot, or "
                    "restore to another directory "
                    "with --target DIR. Nothing was changed",
                    site.target);
}

bool gateway_of_ours_runs(EngineContext const& context) {
  GatewayState const gateway = our_gateway(context);
  return gateway.running != GatewayState::Running::stopped && !is_held_by_command(gateway);
}

Result<GatewayFence> raise_fence(EngineContext& context) {
  B2B_TRY(our_gateway_is_stopped(context));
  return GatewayFence::raise(context.config.state_dir);
}

Result<void> check_staged_databases(RestoreSite const& site, PlanStore& plan,
                                    std::function<Result<std::string>(std::string const&, std::string const&)> const& check,
                                    std::vector<std::string>& notes) {
  return plan.for_each({PlanAction::write_file}, PlanStore::Order::ascending, [&](PlanRow&& row) -> Result<void> {
    if (!row.staged || !row.staged_database) return {};
    B2B_ASSIGN(std::string note, check(site.tree->absolute(site.staged(row)), row.item.path));
    if (!note.empty()) notes.push_back(std::move(note));
    return {};
  });
}

}  // namespace b2b
