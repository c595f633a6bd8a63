// What `daemonctl status` and GET /metrics say: assembled from the coordinator, the clockwork and our own records; nothing here
// asks the store.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>

#include "core/engine/delete_refusal.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/key_records.h"
#include "core/engine/restore_pointer.h"
#include "core/engine/unchanged_paths.h"
#include "core/gateway/own.h"
#include "core/util/log.h"
#include "daemon/jobs/jobs.h"
#include "daemon/jobs/last_restore.h"
#include "daemon/jobs/members.h"
#include "daemon/service/service.h"

namespace b2b::service {
namespace {

namespace json = boost::json;

constexpr std::size_t paths_shown = 20;

json::value time_or_null(std::optional<TimePoint> const& time) { return time ? json::value(format_iso8601(*time)) : json::value(nullptr); }

double seconds_of(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

std::string_view running_name(GatewayState::Running running) {
  switch (running) {
    case GatewayState::Running::running: return "running";
    case GatewayState::Running::stopped: return "stopped";
    case GatewayState::Running::unknown: break;
  }
  return "unknown";
}

std::string_view state_name(WatchState::Kind kind) {
  switch (kind) {
    case WatchState::Kind::healthy: return "healthy";
    case WatchState::Kind::degraded: return "degraded";
    case WatchState::Kind::gone: return "gone";
  }
  return "healthy";
}

json::object changes_of(ChangeSet const& changes, std::vector<std::string> const& changed) {
  json::array paths;
  for (std::string const& path : changed) {
    if (paths.size() == paths_shown) break;
    paths.emplace_back(printable(path));
  }
  bool const any = !changed.empty() || !changes.complete();
  return {{"paths", std::move(paths)},
          {"count", changed.size()},
          {"more", !changes.complete()},
          {"since", any ? time_or_null(changes.first_change()) : json::value(nullptr)}};
}

}  // namespace

json::object Service::status() {
  follow_layout();  // another process may have switched it
  CoordinatorStatus const now_known = coordinator_->status();
  TimePoint const now = clock_.now();
  auto const stale_after = clockwork_->stale_after(now);
  TimePoint const last = now_known.last_good_time.value_or(started_);
  bool const stale = stale_after && now - last > *stale_after;

  json::object out{{"version", "b2backupd " B2B_VERSION},
                   {"api", 1},
                   {"restore", rollback_->status()},
                   {"lastRestore", nullptr},
                   {"pid", ::getpid()},
                   {"started", format_iso8601(started_)},
                   {"stateDir", printable(loaded_.config.state_dir)},
                   {"profile", sources_.profile},
                   {"host", instance_.host},
                   {"instance", instance_.id},
                   {"store", now_known.bucket ? now_known.bucket->store : loaded_.config.endpoint},
                   {"storeReachable", now_known.store_reachable},
                   {"notAnsweringSince", time_or_null(now_known.not_answering_since)}};
  if (auto const restored = jobs::last_restore(*index_); restored && *restored) out["lastRestore"] = **restored;
  auto const hidden = known_hidden(*index_, loaded_.config);
  std::string_view health = "ok";
  auto const check_overdue = checkup_->overdue();
  bool const hides = hidden && !hidden->empty();
  if (hides || !alarms_.empty() || checkup_->found_damage() || check_overdue || watch_state_.kind != WatchState::Kind::healthy) health = "degraded";
  if (now_known.last_error) health = "failing";
  if (stale) health = "stale";
  if (!now_known.last_good_time) health = now_known.last_error ? "failing" : "never";
  out["health"] = health;
  out["lastGood"] = nullptr;
  if (now_known.last_good_time)
    out["lastGood"] = json::object{{"snapshot", now_known.last_good ? json::value(*now_known.last_good) : json::value(nullptr)},
                                   {"time", format_iso8601(*now_known.last_good_time)},
                                   {"ageSeconds", seconds_of(now - *now_known.last_good_time)}};
  out["lastError"] = nullptr;
  if (now_known.last_error)
    out["lastError"] = json::object{{"time", time_or_null(now_known.last_error_time)}, {"error", *now_known.last_error}};
  out["schedule"] = json::object{{"text", clockwork_->schedule_text()},
                                 {"timezone", clockwork_->zone_name()},
                                 {"next", time_or_null(clockwork_->next_scheduled(now))}};
  out["stale"] = stale;
  out["staleAfterSeconds"] = stale_after ? json::value(seconds_of(*stale_after)) : json::value(nullptr);
  json::array jobs;
  for (auto const& job : now_known.running)
    jobs.push_back(json::object{{"id", job.id},
                                {"what", job.what},
                                {"phase", job.phase},
                                {"filesDone", job.files_done},
                                {"filesTotal", job.files_total},
                                {"bytesDone", job.bytes_done},
                                {"bytesTotal", job.bytes_total}});
  out["jobs"] = std::move(jobs);
  json::array queue;
  for (auto const& waiting : now_known.queue)
    queue.push_back(json::object{{"snapshot", waiting.id},
                                 {"trigger", trigger_name(waiting.trigger)},
                                 {"captured", format_iso8601(waiting.captured)},
                                 {"bytes", waiting.bytes},
                                 {"complete", waiting.complete}});
  out["queue"] = std::move(queue);
  out["queueBytes"] = now_known.queue_bytes;
  out["queueLimitBytes"] = loaded_.config.limits.spool_bytes;
  out["nextUploadSeconds"] = now_known.next_upload_in ? json::value(seconds_of(*now_known.next_upload_in)) : json::value(nullptr);
  EngineContext records;
  records.config = loaded_.config;
  records.index = index_;
  records.instance = instance_;
  out["changes"] = changes_of(clockwork_->changes(), really_changed(records, clockwork_->changes().paths()));
  WatchPush const push = watch_push_now();
  out["watch"] = json::object{{"state", state_name(watch_state_.kind)},
                              {"reason", watch_state_.reason},
                              {"advice", watch_state_.advice},
                              {"push", json::object{{"on", push.on},
                                                    {"why", push.why},
                                                    {"quietSeconds", clockwork_->quiet_rule().quiet.count()},
                                                    {"intervalSeconds", clockwork_->change_interval().count()}}}};
  GatewayState const gateway = probe_own_gateway(loaded_.config);
  out["gateway"] = json::object{{"running", running_name(gateway.running)}, {"detail", gateway.detail}, {"said", gateway_said_}};
  out["bucket"] = nullptr;
  if (now_known.bucket) {
    json::array others;
    for (std::string const& host : now_known.bucket->other_instances) others.emplace_back(host);
    out["bucket"] = json::object{{"snapshots", now_known.bucket->snapshots},
                                 {"bytes", now_known.bucket->bytes},
                                 {"otherInstances", std::move(others)},
                                 {"mayPrune", now_known.bucket->may_prune},
                                 {"layout", now_known.bucket->layout ? json::value(layout_name(*now_known.bucket->layout)) : json::value()},
                                 {"maySwitch", now_known.bucket->may_switch}};
  }
  for (auto const& [kind, name] : {std::pair(CheckKind::content, "lastCheck"), std::pair(CheckKind::presence, "lastLook")}) {
    out[name] = nullptr;
    if (auto found = checkup_->last(kind)) out[name] = std::move(*found);
  }
  out["checkOverdue"] = check_overdue ? json::value(*check_overdue) : json::value(nullptr);
  out["prunePaused"] = now_known.prune_paused;
  out["deletesRefusedSince"] = nullptr;
  if (auto const since = DeleteRefusal(*index_, loaded_.config).since(); since && *since) out["deletesRefusedSince"] = format_iso8601(**since);
  out["keyReminder"] = nullptr;
  if (auto const reminder = jobs::key_reminder(records); reminder && !reminder->empty()) out["keyReminder"] = *reminder;
  KeyRecords const keys(*index_, loaded_.config);
  out["recoveryCode"] = nullptr;
  if (auto const code = keys.recovery_code(); code && *code) out["recoveryCode"] = **code;
  json::array warnings;
  if (auto const problem = keys.problem(); problem && !problem->empty()) warnings.emplace_back(printable(*problem));
  if (hidden)
    for (std::string const& text : *hidden) warnings.emplace_back(printable(text));
  for (std::string const& alarm : alarms_) warnings.emplace_back(alarm);
  if (!restore_note_.empty()) warnings.emplace_back(restore_note_);
  for (std::string const& place : places_waited_for(instance_.data_dir)) warnings.emplace_back(place);
  for (std::string const& warning : now_known.warnings) warnings.emplace_back(printable(warning));
  if (!openclaw_problem_.empty()) warnings.emplace_back(printable(openclaw_problem_));
  for (std::string const& warning : loaded_.warnings)
    if (warning != loaded_.openclaw_problem) warnings.emplace_back(printable(warning));
  out["warnings"] = std::move(warnings);
  return out;
}

std::string Service::metrics() {
  CoordinatorStatus const status = coordinator_->status();
  TimePoint const now = clock_.now();
  auto const stale_after = clockwork_->stale_after(now);
  bool const stale = stale_after && now - status.last_good_time.value_or(started_) > *stale_after;
  std::string out;
  auto const add = [&](std::string_view name, std::string_view help, double value) {
    std::array<char, 64> number{};
    std::snprintf(number.data(), number.size(), "%.17g", value);
    out += "# HELP b2backupd_" + std::string(name) + " " + std::string(help) + "\n# TYPE b2backupd_" + std::string(name) + " gauge\nb2backupd_" +
           std::string(name) + " " + number.data() + "\n";
  };
  auto const unix_seconds = [](TimePoint time) { return seconds_of(time.time_since_epoch()); };
  add("up", "1 while the daemon runs.", 1);
  add("start_time_seconds", "When it was started.", unix_seconds(started_));
  add("last_good_snapshot_time_seconds", "When the newest complete state in the store was captured; 0: never.",
      status.last_good_time ? unix_seconds(*status.last_good_time) : 0);
  add("stale", "1 when that is longer ago than it should be.", stale ? 1 : 0);
  add("failing", "1 when the last push failed.", status.last_error ? 1 : 0);
  add("store_reachable", "1 when the store answered at the last attempt.", status.store_reachable ? 1 : 0);
  add("queue_captures", "Captures that wait for their upload.", static_cast<double>(status.queue.size()));
  add("queue_bytes", "What they hold on disk.", static_cast<double>(status.queue_bytes));
  add("queue_limit_bytes", "What they may hold (limits.spool).", static_cast<double>(loaded_.config.limits.spool_bytes));
  add("jobs", "Jobs that wait or run.", static_cast<double>(status.running.size()));
  add("changed_paths", "Paths that changed since the last capture.", static_cast<double>(clockwork_->changes().paths().size()));
  add("watch_degraded", "1 when changes are polled for, or the state directory is gone.",
      watch_state_.kind == WatchState::Kind::healthy ? 0 : 1);
  for (auto const& [kind, name] : {std::pair(CheckKind::content, "check"), std::pair(CheckKind::presence, "look")}) {
    auto const found = checkup_->last(kind);
    auto const time = found ? parse_iso8601(jobs::text_of(*found, "time")) : std::nullopt;
    add("last_" + std::string(name) + "_time_seconds", kind == CheckKind::content ? "When a part of what is stored was read to check it; 0: never."
                                                                                 : "When it was looked whether all is there; 0: never.",
        time ? unix_seconds(*time) : 0);
    add("last_" + std::string(name) + "_problems", "What that found.", found ? static_cast<double>(jobs::number_of(*found, "problemCount")) : 0);
  }
  add("prune_paused", "1 when pruning waits for a person.", status.prune_paused ? 1 : 0);
  if (status.bucket) {
    add("snapshots", "Snapshots in the store, as far as this machine knows.", static_cast<double>(status.bucket->snapshots));
    add("snapshot_bytes", "Sum of their plaintext sizes.", static_cast<double>(status.bucket->bytes));
    add("other_instances", "Other machines that push to the same prefix.", static_cast<double>(status.bucket->other_instances.size()));
  }
  return out;
}

void Service::update_status_line() {
  if (!manager_.present()) return;
  CoordinatorStatus const status = coordinator_->status();
  std::string line = status.last_good_time ? "Last good backup " + format_iso8601(*status.last_good_time) : "Nothing backed up yet";
  if (!status.queue.empty()) line += ", " + std::to_string(status.queue.size()) + " waiting";
  if (status.last_error) line += "; failing: " + *status.last_error;
  manager_.status(line);
}

void Service::write_metrics() {
  if (!loaded_.config.service.metrics_textfile.empty() && follow_up_) follow_up_->metrics(metrics());
}

}  // namespace b2b::service
