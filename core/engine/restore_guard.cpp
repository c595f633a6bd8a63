#include "core/engine/restore_guard.h"

#include "core/config/openclaw_config.h"
#include "core/engine/fresh_state.h"
#include "core/gateway/open_by.h"
#include "core/gateway/probe.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t paths_at_once = 256;
constexpr std::string_view what_works =
    "Restore to another directory with --target DIR, or only plain files (workspace, configuration) in place "
    "with --path GLOB";

std::string names(PlanTotals const& totals) {
  std::string out;
  for (std::string const& path : totals.databases)
    out += (out.empty() ? "" : ", ") + printable(path);
  return out;
}

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

Result<void> gateway_is_stopped(std::string const& state_dir, std::string const& openclaw_json,
                                std::string_view what) {
  GatewayState const gateway = probe_gateway(state_dir, configured_gateway_port(openclaw_json));
  if (gateway.running == GatewayState::Running::stopped) return {};
  bool const known = gateway.running == GatewayState::Running::running;
  return make_error(
      Condition::refused,
      std::string(known ? "a gateway is running" : "it cannot be told whether a gateway is running") +
          " on " + state_dir + (gateway.detail.empty() ? "" : " (" + gateway.detail + ")") +
          ", and the restore would " + std::string(what) + " under it: that destroys them",
      "Stop the gateway (openclaw gateway stop) and restore again. " + std::string(what_works) +
          ". Nothing was changed",
      state_dir);
}

}  // namespace

Result<void> guard_databases(EngineContext& context, RestoreSite const& site, PlanStore& plan,
                             PlanTotals const& totals) {
  bool const touches = !totals.databases.empty();
  if (site.kind == RestoreSite::Kind::fresh || !site.tree) return {};
  if (site.kind == RestoreSite::Kind::existing) {
    if (!touches) return {};
    std::string const openclaw_json = site.tree->absolute("openclaw.json");
    if (path_exists(openclaw_json))
      B2B_TRY(gateway_is_stopped(site.target, openclaw_json, "replace databases"));
    return nobody_has_databases_open(site, plan);
  }
  if (touches) {
    B2B_ASSIGN(auto const used, sign_of_use(site.target, context.stop));
    if (used)
      return make_error(
          Condition::refused,
          "this restore would replace databases in the state directory " + site.target + " (" +
              names(totals) + "), which is in use: it " + *used +
              ". A gateway that runs meanwhile would destroy them, and stopping it safely around a restore "
              "(coordinated rollback) is not in this version",
          std::string(what_works) + ". Nothing was changed", site.target);
  }
  if (!touches && !totals.makes_databases) return {};
  std::string const& configured = context.config.openclaw_json;
  B2B_TRY(gateway_is_stopped(site.target,
                             configured.empty() ? join_path(site.target, "openclaw.json") : configured,
                             "write databases"));
  return nobody_has_databases_open(site, plan);
}

}  // namespace b2b
