#include "core/gateway/open_by.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/gateway/process.h"
#include "core/util/file.h"
#include "helper_process.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("who has a file open is found, under any of its names") {
  Scratch const scratch;
  std::string const a = scratch / "a", link = scratch / "hard-link", other = scratch / "other", missing = scratch / "missing";
  REQUIRE(atomic_write_file(a, "x"));
  REQUIRE(atomic_write_file(other, "y"));
  REQUIRE(::link(a.c_str(), link.c_str()) == 0);
  CHECK(open_by({a, link, other, missing}).openers.empty());
  HelperProcess helper([&] {
    return ::open(a.c_str(), O_RDONLY) >= 0 && ::open(a.c_str(), O_RDWR) >= 0;  // twice, and reported once
  });
  auto const found = open_by({link, other, missing});
  REQUIRE(found.openers.size() == 1);
  CHECK(found.openers[0].pid == helper.pid());
  CHECK(found.openers[0].command == process_info(::getpid()).value().command);
  CHECK(found.openers[0].path == link);
  CHECK(open_by({a, link}).openers.size() == 2);
  if (::geteuid() == 0) CHECK(found.complete);
  helper.end();
  CHECK(open_by({a}).openers.empty());
}

TEST_CASE("this process itself does not count") {
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "a", "x"));
  UniqueFd const mine(::open((scratch / "a").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(mine);
  CHECK(open_by({scratch / "a"}).openers.empty());
}

TEST_CASE("processes of other users cannot be inspected without privileges, and that is said") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root to become somebody else");
    return;
  }
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "a", "x"));
  REQUIRE(::seteuid(65534) == 0);
  auto const found = open_by({scratch / "a"});
  REQUIRE(::seteuid(0) == 0);
  CHECK(found.not_inspected > 0);
}

TEST_CASE("process_info knows the living only") {
  auto const own = process_info(::getpid());
  REQUIRE(own);
  CHECK_FALSE(own->kernel_thread);
  CHECK_FALSE(own->zombie);
  CHECK(own->start_ticks > 0);
  CHECK(start_time_ms(*own).value_or(0) > 1'600'000'000'000);
  CHECK_FALSE(process_info(0x7fffffff));

  // A child that nobody has waited for is a zombie: it runs no more.
  pid_t const child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);
  auto const zombie = process_info(child);
  REQUIRE(zombie);
  CHECK(zombie->zombie);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(process_info(child));
}
