// Does a gateway that was started answer by now? One question over loopback; nothing is sent but GET /healthz, no token.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/gateway/openclaw_output.h"
#include "core/util/error.h"

namespace b2b {

// unreachable: nobody listens there, or no answer came within `longest`. Blocks for that long at most; any thread.
Result<Health> ask_health(std::uint16_t port, std::chrono::milliseconds longest);

}  // namespace b2b
