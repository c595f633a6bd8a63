// Tells a monitor that jobs begin and how they end, as healthchecks.io and its kin take it
// (https://healthchecks.io/docs/http_api/): ADDRESS/start, then ADDRESS after a success or ADDRESS/fail after
// a failure. The monitor raises the alarm when no success comes in time, so it also covers a machine that is
// off.
//
// The address is like a password and appears in no message and no log, apart from its host.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/notify/ping_address.h"
#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b {

struct HealthcheckSettings {
  Secret url;
  std::string ca_file;  // empty: the system's certificates
  // Of a ping with all its tries; a slow name lookup may add to it.
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
  std::chrono::milliseconds first_wait{500};  // before the second of three tries
};

// One ping: a POST with at most 10,000 bytes of `report`, or a GET when there is none. Any 2xx answer is
// fine; redirections are not followed. Blocks; any thread may call it. Errors: bad_config, unreachable,
// permission or not_found (the monitor does not know the check), cancelled.
Result<void> send_ping(HealthcheckSettings const& settings, Ping ping, std::string_view report, Clock& clock,
                       std::stop_token const& stop);

// The same for jobs, which must not fail because a monitor is away: an error is logged as a warning. Does
// nothing without an address.
void ping_or_warn(HealthcheckSettings const& settings, Ping ping, std::string_view report, Clock& clock,
                  std::stop_token const& stop);

}  // namespace b2b
