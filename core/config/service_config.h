// The part of the configuration that only b2backupd acts on: when it backs up, what it tells and to whom, how
// it treats the gateway. Lengths of time are exact to the millisecond.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/util/secret.h"

namespace b2b {

// A command: the program and its arguments; never run through a shell, never taken from openclaw.json. Empty:
// there is none.
using CommandArguments = std::vector<std::string>;

struct WatchConfig {
  std::optional<bool> push;                                          // back up shortly after a change; not set: as the layout has it
  std::chrono::milliseconds quiet = std::chrono::seconds(20);        // no change for so long, then a backup
  std::chrono::milliseconds min_interval = std::chrono::minutes(5);  // between backups made on changes

  friend bool operator==(WatchConfig const&, WatchConfig const&) = default;
};

// The daemon's own checks of what is stored.
struct CheckConfig {
  bool enabled = true;
  std::chrono::milliseconds every = std::chrono::hours(7 * 24);  // between two that read a share of it
  unsigned percent = 5;                                          // that share

  friend bool operator==(CheckConfig const&, CheckConfig const&) = default;
};

struct GatewayConfig {
  CommandArguments stop;
  CommandArguments start;
  std::optional<std::uint16_t> port;  // not set: what the gateway's lock or openclaw.json says
  std::chrono::milliseconds stop_timeout = std::chrono::seconds(345);  // its own limit is 330 s

  friend bool operator==(GatewayConfig const&, GatewayConfig const&) = default;
};

struct ServiceConfig {
  std::string schedule =
      "daily";           // a word, a cron expression or "off"; the schedule layer says what is valid
  std::string timezone;  // empty: the system's
  std::chrono::milliseconds jitter{0};
  WatchConfig watch;
  CheckConfig check;
  bool auto_restore = true;
  GatewayConfig gateway;
  CommandArguments on_success;
  CommandArguments on_failure;
  CommandArguments on_stale;
  std::chrono::milliseconds notify_interval = std::chrono::hours(6);
  std::optional<std::chrono::milliseconds> stale_after;  // not set: twice the time between two scheduled runs
  Secret healthcheck_url;                                // whoever has it can report in our name
  std::string metrics_textfile;                          // absolute; empty: none
  std::string socket;  // absolute; empty: b2backupd/daemon.sock in the state directory
  std::chrono::milliseconds stop_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds compaction_upload_interval = std::chrono::minutes(5);

  friend bool operator==(ServiceConfig const&, ServiceConfig const&) = default;
};

}  // namespace b2b
