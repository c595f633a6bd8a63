// The gateway of the configured state directory.
#pragma once

#include "core/config/config.h"
#include "core/gateway/probe.h"

namespace b2b {

// probe_gateway() with the port where this gateway listens: `gateway.port`, else what openclaw.json says now, which is read for it.
GatewayState probe_own_gateway(Config const& config);

}  // namespace b2b
