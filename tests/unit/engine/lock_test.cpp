// Lock files and their holders' ends.
#include "core/engine/lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;

namespace {

// A process that has the lock for `ms`, and says so before this returns. What it writes into the file is `text`.
::pid_t hold(std::string const& path, std::string const& text, int ms) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  ::pid_t const child = ::fork();
  if (child == 0) {
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    bool const held = ::flock(fd, LOCK_EX) == 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (held && ::write(ready[1], "x", 1) == 1) ::poll(nullptr, 0, ms);
    ::_exit(0);
  }
  ::close(ready[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);
  return child;
}

::pid_t ended_process() {
  ::pid_t const child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

}  // namespace

TEST_CASE("a lock whose holder died, and which a child of it still shares, is waited for") {
  test::Scratch const folder;
  std::string const path = folder / "lock";
  ::pid_t const sharer = hold(path, "pid " + std::to_string(ended_process()) + ", b2backupd\n", 300);
  auto const locked = lock_file(path, "test", "taken");
  CHECK(locked.has_value());
  ::waitpid(sharer, nullptr, 0);
}

TEST_CASE("a lock whose holder lives is busy at once, and names it") {
  test::Scratch const folder;
  std::string const path = folder / "lock";
  ::pid_t const holder = hold(path, "pid " + std::to_string(::getpid()) + ", push\n", 60'000);
  auto const locked = lock_file(path, "test", "somebody is at work");
  REQUIRE_FALSE(locked.has_value());
  CHECK(locked.error().condition == Condition::busy);
  CHECK(locked.error().message == "somebody is at work (pid " + std::to_string(::getpid()) + ", push)");
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
}
