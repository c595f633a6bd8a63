#include "core/gateway/install.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

namespace {

void make_program(std::string const& directory) {
  REQUIRE(make_directories(directory));
  REQUIRE(atomic_write_file(join_path(directory, "openclaw"), "#!/bin/sh\n", 0755));
}

OpenclawInstall const with_service{"/opt/bin/openclaw", "", "openclaw-gateway.service"};

}  // namespace

TEST_CASE("install: the program is found in PATH first, then where package managers put it") {
  Scratch const scratch;
  std::string const home = scratch.path();
  CHECK(find_openclaw(home + "/.openclaw", home, {{"PATH", home + "/none::relative"}}).program.starts_with(home) == false);
  make_program(home + "/.nvm/versions/node/v20.1.0/bin");
  make_program(home + "/.nvm/versions/node/v22.0.0/bin");
  CHECK(find_openclaw(home + "/.openclaw", home, {}).program == home + "/.nvm/versions/node/v22.0.0/bin/openclaw");
  make_program(home + "/.npm-global/bin");
  CHECK(find_openclaw(home + "/.openclaw", home, {}).program == home + "/.npm-global/bin/openclaw");
  make_program(home + "/first");
  CHECK(find_openclaw(home + "/.openclaw", home, {{"PATH", "/nowhere:" + home + "/first:/usr/bin"}}).program == home + "/first/openclaw");
  // Not one that may not be run.
  REQUIRE(::chmod((home + "/first/openclaw").c_str(), 0644) == 0);
  if (::access((home + "/first/openclaw").c_str(), X_OK) != 0)
    CHECK(find_openclaw(home + "/.openclaw", home, {{"PATH", home + "/first"}}).program == home + "/.npm-global/bin/openclaw");
}

TEST_CASE("install: the unit counts for the state directory that it is for") {
  Scratch const scratch;
  std::string const home = scratch.path();
  REQUIRE(make_directories(home + "/.config/systemd/user"));
  CHECK(find_openclaw(home + "/.openclaw", home, {}).unit == "");
  REQUIRE(atomic_write_file(home + "/.config/systemd/user/openclaw-gateway.service", "[Service]\n"));
  CHECK(find_openclaw(home + "/.openclaw", home, {}).unit == "openclaw-gateway.service");
  CHECK(find_openclaw(home + "/.openclaw-work", home, {}).unit == "");
  CHECK(find_openclaw(home + "/.openclaw/", home + "/", {}).unit == "openclaw-gateway.service");
  for (char const* other : {"/state", "/.openclaw-", "/.openclawwork", "/.openclaw/b"}) CHECK(find_openclaw(home + other, home, {}).unit == "");
  REQUIRE(make_directories(home + "/xdg/systemd/user"));
  REQUIRE(atomic_write_file(home + "/xdg/systemd/user/openclaw-gateway-work.service", "[Service]\n"));
  auto const work = find_openclaw(home + "/.openclaw-work", home, {{"XDG_CONFIG_HOME", home + "/xdg"}});
  CHECK(work.unit == "openclaw-gateway-work.service");
  CHECK(work.profile == "work");
}

TEST_CASE("install: what is configured comes first, then OpenClaw's own service, each side alone") {
  GatewayConfig configured;
  SECTION("the service, by OpenClaw and then by its manager") {
    auto const commands = gateway_commands(configured, with_service);
    CHECK(commands.known());
    CHECK(commands.stop == std::vector<CommandArguments>{{"/opt/bin/openclaw", "gateway", "stop", "--force"},
                                                         {"systemctl", "--user", "stop", "openclaw-gateway.service"}});
    CHECK(commands.start == std::vector<CommandArguments>{{"/opt/bin/openclaw", "gateway", "start"},
                                                          {"systemctl", "--user", "start", "openclaw-gateway.service"}});
  }
  SECTION("of a profile") {
    auto const commands = gateway_commands(configured, {"/opt/bin/openclaw", "work", "openclaw-gateway-work.service"});
    CHECK(commands.stop.front() == CommandArguments{"/opt/bin/openclaw", "--profile", "work", "gateway", "stop", "--force"});
  }
  SECTION("without the program") {
    auto const commands = gateway_commands(configured, {"", "", "openclaw-gateway.service"});
    CHECK(commands.known());
    CHECK(commands.start == std::vector<CommandArguments>{{"systemctl", "--user", "start", "openclaw-gateway.service"}});
  }
  SECTION("configured") {
    configured.stop = {"docker", "stop", "gw"};
    configured.start = {"docker", "start", "gw"};
    for (auto const& install : {with_service, OpenclawInstall{}}) {
      auto const commands = gateway_commands(configured, install);
      CHECK(commands.known());
      CHECK(commands.stop == std::vector<CommandArguments>{{"docker", "stop", "gw"}});
      CHECK(commands.start == std::vector<CommandArguments>{{"docker", "start", "gw"}});
    }
  }
  SECTION("one side configured, the other of the service") {
    configured.stop = {"my-stop"};
    auto const commands = gateway_commands(configured, with_service);
    CHECK(commands.known());
    CHECK(commands.start.size() == 2);
  }
}

TEST_CASE("install: a gateway that could only be stopped is not stopped") {
  // Started by hand: the program is there, a service is not.
  auto const by_hand = gateway_commands({}, {"/opt/bin/openclaw", "", ""});
  CHECK_FALSE(by_hand.known());
  CHECK(by_hand.missing.find("gateway.stop and gateway.start are not configured") != std::string::npos);
  GatewayConfig configured;
  configured.stop = {"my-stop"};
  CHECK(gateway_commands(configured, {}).missing.find("gateway.start is not, so the gateway could not be started again") != std::string::npos);
  configured = {};
  configured.start = {"my-start"};
  CHECK(gateway_commands(configured, {}).missing.find("gateway.stop is not, so the gateway could not be stopped") != std::string::npos);
}

TEST_CASE("install: openclaw runs with its own state directory, wherever it is started") {
  CHECK(openclaw_command({}, "/s", "", "", {"doctor"}).empty());
  CHECK(openclaw_command({"/opt/bin/openclaw", "work", ""}, "/s", "/c/openclaw.json", "/bin", {"doctor", "--non-interactive"}) ==
        CommandArguments{"/usr/bin/env", "PATH=/opt/bin:/bin", "OPENCLAW_STATE_DIR=/s", "OPENCLAW_CONFIG_PATH=/c/openclaw.json", "NO_COLOR=1",
                         "/opt/bin/openclaw", "--profile", "work", "doctor", "--non-interactive"});
}
