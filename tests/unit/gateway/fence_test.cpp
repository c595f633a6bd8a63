#include "core/gateway/fence.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/gateway/probe.h"
#include "core/gateway/state_lock.h"
#include "core/sqlite/sqlite.h"
#include "core/util/file.h"
#include "helper_process.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;
using Running = GatewayState::Running;

namespace {

std::string lock_of(std::string const& state) {
  return join_path(gateway_lock_directory(state), gateway_lock_name);
}

// What a gateway does before it starts.
bool gateway_could_start(std::string const& state) {
  if (!make_directories(gateway_lock_directory(state))) return false;
  auto database = sqlite::Database::open(lock_of(state), sqlite::OpenMode::create, 0);
  return database && database->execute("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
}

bool in_another_process(std::function<bool()> const& question) {
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(question() ? 1 : 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_CASE(
    "while the fence is up SQLite's BEGIN EXCLUSIVE fails in every process, and works again afterwards") {
  Scratch const scratch;
  std::string const state = scratch / "state";
  for (bool const is_there : {false, true}) {
    REQUIRE(path_exists(lock_of(state)) == is_there);
    {
      auto const fence = GatewayFence::raise(state);
      REQUIRE(fence);
      CHECK_FALSE(in_another_process([&] { return gateway_could_start(state); }));
    }
    CHECK(path_exists(state) == is_there);  // what was made for it is gone again
    CHECK(in_another_process([&] { return gateway_could_start(state); }));
  }
}

TEST_CASE("the fence survives that this process opens and closes the lock file") {
  Scratch const scratch;
  auto const fence = GatewayFence::raise(scratch.path());
  REQUIRE(fence);
  CHECK(read_file(lock_of(scratch.path()), 1 << 20));
  CHECK(probe_gateway(scratch.path()).running == Running::stopped);
  CHECK(probe_gateway(scratch.path()).detail.find("a restore keeps") != std::string::npos);
  CHECK_FALSE(in_another_process([&] { return gateway_could_start(scratch.path()); }));
}

TEST_CASE("another process takes the fence for a gateway, and says so without a wrong pid") {
  Scratch const scratch;
  auto fence = GatewayFence::raise(scratch.path());
  REQUIRE(fence);
  {
    GatewayFence const moved(std::move(*fence));
    CHECK(probe_gateway(scratch.path()).running == Running::stopped);
    HelperProcess other([&] { return !GatewayFence::raise(scratch.path()); });
  }
  CHECK(in_another_process([&] { return GatewayFence::raise(scratch.path()).has_value(); }));
}

TEST_CASE("no fence where a gateway holds its lock") {
  Scratch const scratch;
  HelperProcess gateway([&] {
    static std::optional<sqlite::Database> held;  // until the process ends
    if (!make_directories(gateway_lock_directory(scratch.path()))) return false;
    auto database = sqlite::Database::open(lock_of(scratch.path()), sqlite::OpenMode::create, 0);
    if (!database || !database->execute("BEGIN EXCLUSIVE")) return false;
    held.emplace(std::move(*database));
    return true;
  });
  auto const refused = GatewayFence::raise(scratch.path());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().message.find("pid " + std::to_string(gateway.pid())) != std::string::npos);
  gateway.end();
  CHECK(GatewayFence::raise(scratch.path()));
}

TEST_CASE("a fence needs a place, and takes no link for one") {
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "file", ""));
  CHECK_FALSE(GatewayFence::raise(scratch / "file"));
  REQUIRE(make_directories(gateway_lock_directory(scratch.path())));
  REQUIRE(::symlink((scratch / "file").c_str(), lock_of(scratch.path()).c_str()) == 0);
  CHECK_FALSE(GatewayFence::raise(scratch.path()));
}
