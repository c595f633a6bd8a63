// Is an OpenClaw gateway running on a state directory? Reads only; asks no gateway anything.
//
// How it is told are internals of OpenClaw 2026.9: while a gateway runs it holds SQLite's lock bytes (0x40000000, 512 of
// them) of <stateDir>/tmp/openclaw-<uid>/gateway.state.lock.sqlite, and gateway.state.lock beside it names its pid, port
// and start time, and what it is: commands that work on the databases without a gateway (`openclaw agent --local`, `openclaw doctor
// --fix`) take the same lock. Releases up to 2026.2 keep gateway.<hash>.lock in the temporary directory of the system. Where a release
// does it otherwise, the answer may be wrong: whoever changes databases also looks who has them open (open_by.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace b2b {

struct GatewayState {
  enum class Running {
    running,
    stopped,
    unknown,   // the signs contradict each other or cannot be read; counts as running
  };
  enum class Holder {
    gateway,   // or nobody, or it cannot be told
    command,   // another program of OpenClaw's that keeps gateways out while it works: it is no gateway, and nobody restarts it
  };
  Running running = Running::unknown;
  std::string detail;                  // for the person: "the gateway (pid 123, port 18789) holds its lock"
  std::optional<int> pid;              // when known; not across containers
  std::optional<std::uint16_t> port;
  Holder holder = Holder::gateway;
};

// A program other than a gateway has the lock: it ends by itself, and no gateway is to be started for it.
inline bool is_held_by_command(GatewayState const& state) {
  return state.holder == GatewayState::Holder::command && state.running != GatewayState::Running::stopped;
}

// `configured_port`: where a gateway of this state directory would listen. It is only looked at when there is no other
// sign of a gateway; somebody listening there makes the answer unknown.
// Thread-safe. A fence (fence.h) that this process holds is no gateway; one of another process cannot be told from one.
GatewayState probe_gateway(std::string const& state_dir, std::optional<std::uint16_t> configured_port = {});

}  // namespace b2b
