#include "core/gateway/launch.h"

#include <unistd.h>

#include "core/gateway/process.h"
#include "core/util/file.h"
#include "helper_process.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;

namespace {

struct Home {
  Scratch scratch;
  std::string units = scratch / ".config/systemd/user";
  std::string state = scratch / ".openclaw";
  GatewayLaunch launch{scratch.path(), {scratch / "none", units}, {}, {}};

  Home() { REQUIRE(make_directories(units)); }
  void unit(std::string const& name, std::string const& text) const {
    REQUIRE(make_directories(parent_path(join_path(units, name))));
    REQUIRE(atomic_write_file(join_path(units, name), text));
  }
  bool found(std::string const& state_dir) const {
    return starts_unconfigured(state_dir, launch).has_value();
  }
};

std::string const unconfigured =
    "[Service]\nExecStart=\"/usr/bin/node\" /opt/openclaw/index.js gateway --port 18789 "
    "--allow-unconfigured\n";

// Waits for the fork to be the shell, its command line included, which comes a moment after its name.
bool became_another_program(pid_t child) {
  for (;;) {
    auto const process = process_info(child);
    if (!process || process->zombie) return false;
    auto const line = read_file("/proc/" + std::to_string(child) + "/cmdline", 4096);
    if (process->command == "sh" && line && line->find("--allow-unconfigured") != std::string::npos) return true;
  }
}

}  // namespace

TEST_CASE("launch: --allow-unconfigured is found in the service file of the state directory") {
  Home const home;
  CHECK_FALSE(home.found(home.state));
  home.unit("openclaw-gateway.service",
            "[Service]\nExecStart=/usr/bin/openclaw gateway --port 18789\n# --allow-unconfigured\n");
  home.unit("openclaw-gateway-work.service", unconfigured);
  home.unit("openclaw-gateway-other.txt", unconfigured);
  CHECK_FALSE(home.found(home.state));
  CHECK_FALSE(home.found(home.state + "-work2"));
  CHECK(home.found(home.state + "-work/"));
  auto const told = starts_unconfigured(home.state + "-work", home.launch);
  REQUIRE(told);
  CHECK(told->find("openclaw-gateway-work.service") != std::string::npos);
  home.unit(
      "openclaw-gateway.service.d/extra.conf",
      "[Service]\nExecStart=\nExecStart=/bin/sh -c 'exec openclaw gateway \\\n  --allow-unconfigured'\n");
  CHECK(home.found(home.state));
}

TEST_CASE("a service names its state directory by itself") {
  Home const home;
  home.unit("openclaw-gateway-x.service",
            unconfigured + "Environment=\"OPENCLAW_STATE_DIR=%h/elsewhere\" A=b\n");
  CHECK(home.found(home.scratch / "elsewhere"));
  CHECK_FALSE(home.found(home.state + "-x"));
  home.unit("openclaw-gateway-x.service", unconfigured + "Environment=OPENCLAW_PROFILE=mine\n");
  CHECK(home.found(home.state + "-mine"));
  // Whose it is cannot be told: it may be ours.
  home.unit("openclaw-gateway-x.service", unconfigured + "Environment=OPENCLAW_STATE_DIR=%S/openclaw\n");
  CHECK(home.found(home.state));
}

// Its name must not hold the option itself: this process' command line has the name.
TEST_CASE("launch: the option is found in the running gateway's command line and in the start command") {
  Home home;
  home.launch.start_command = {"systemctl", "--user", "start", "openclaw-gateway"};
  CHECK_FALSE(home.found(home.state));
  home.launch.start_command = {"openclaw", "gateway", "--allow-unconfigured"};
  CHECK(home.found(home.state));
  home.launch.start_command.clear();

  int ends[2] = {};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd const there(ends[0]);
  UniqueFd here(ends[1]);
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::dup2(there.get(), 0) != 0) ::_exit(1);
    ::execl("/bin/sh", "sh", "-c", "read x", "gateway", "--allow-unconfigured", static_cast<char*>(nullptr));
    ::_exit(1);
  }
  home.launch.pid = ::getpid();
  CHECK_FALSE(home.found(home.state));
  home.launch.pid = child;
  CHECK(became_another_program(child));
  CHECK(home.found(home.state));
  here.reset();
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(home.found(home.state));
}

TEST_CASE("service files: comments, continued lines, quotes") {
  CHECK_FALSE(parse_gateway_unit("").allows_unconfigured);
  CHECK_FALSE(parse_gateway_unit("; ExecStart=x --allow-unconfigured\nDescription=--allow-unconfigured")
                  .allows_unconfigured);
  CHECK_FALSE(parse_gateway_unit("ExecStart=x --allow-unconfigured-not").allows_unconfigured);
  CHECK_FALSE(parse_gateway_unit("ExecStart=x --allow-unconfigured=false").allows_unconfigured);
  CHECK(parse_gateway_unit("ExecStart = x \\\n# why\n  '--allow-unconfigured'").allows_unconfigured);
  CHECK(parse_gateway_unit("ExecStart=x --profile=p").profile == "p");
  CHECK(parse_gateway_unit("ExecStart=x --profile p --a").profile == "p");
  CHECK(parse_gateway_unit("Environment='OPENCLAW_STATE_DIR=/a b' \"OPENCLAW_PROFILE=q\"").state_dir ==
        "/a b");
}
