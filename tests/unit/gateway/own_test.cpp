#include "core/gateway/own.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/util/fd.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;
using Running = GatewayState::Running;

// A release whose locks are seen nowhere (another temporary directory) still listens.
TEST_CASE("our gateway's port is that of openclaw.json where the configuration has none") {
  Scratch const scratch;
  UniqueFd const listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  std::string const port = std::to_string(ntohs(address.sin_port));

  Config config;
  config.state_dir = scratch.path();
  CHECK(probe_own_gateway(config).running == Running::stopped);
  REQUIRE(atomic_write_file(scratch.path() + "/openclaw.json", "{ gateway: { port: " + port + " } }"));
  CHECK(probe_own_gateway(config).running == Running::stopped);
  REQUIRE(::listen(listener.get(), 4) == 0);
  CHECK(probe_own_gateway(config).running == Running::unknown);
  REQUIRE(atomic_write_file(scratch.path() + "/openclaw.json", "{}"));
  CHECK(probe_own_gateway(config).running == Running::stopped);

  config.openclaw_json = scratch.path() + "/elsewhere.json";
  REQUIRE(atomic_write_file(config.openclaw_json, "{ gateway: { port: " + port + " } }"));
  CHECK(probe_own_gateway(config).running == Running::unknown);
  config.service.gateway.port = 1;
  CHECK(probe_own_gateway(config).running == Running::stopped);
}
