#include "core/gateway/own.h"

#include "core/config/openclaw_config.h"
#include "core/util/file.h"

namespace b2b {

GatewayState probe_own_gateway(Config const& config) {
  auto port = config.service.gateway.port;
  if (!port)
    port = configured_gateway_port(config.openclaw_json.empty() ? join_path(config.state_dir, "openclaw.json") : config.openclaw_json);
  return probe_gateway(config.state_dir, port);
}

}  // namespace b2b
