#include "core/util/unfinished_write.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

TEST_CASE("a temporary file that somebody writes stays, one that nobody does any more goes") {
  Scratch const scratch;
  auto held = begin_write(scratch.path());
  REQUIRE(held);
  {
    auto const abandoned = begin_write(scratch.path());
    REQUIRE(abandoned);
    CHECK(abandoned->path != held->path);
  }  // as if its process were killed: the descriptor is closed, the file is there
  UniqueFd const second(::fcntl(held->fd.get(), F_DUPFD_CLOEXEC, 0));
  held->fd.reset();
  CHECK(remove_abandoned_writes(scratch.path()).value() == 1);
  CHECK(path_exists(held->path));
  CHECK(remove_abandoned_writes(scratch.path()).value() == 0);
}

TEST_CASE("only temporary files of atomic writes are cleared away") {
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / ".b2backupd-keep", "x"));
  REQUIRE(atomic_write_file(scratch / "other.tmp", "x"));
  REQUIRE(make_directories(scratch / ".b2backupd-folder.tmp"));
  REQUIRE(::symlink("other.tmp", (scratch / ".b2backupd-link.tmp").c_str()) == 0);
  CHECK(remove_abandoned_writes(scratch.path()).value() == 0);
  CHECK(remove_abandoned_writes(scratch / "none").value() == 0);
  CHECK(remove_abandoned_writes(scratch / "other.tmp").error().subject == scratch / "other.tmp");
}

TEST_CASE("writes go through while others clear away") {
  Scratch const scratch;
  std::atomic<bool> failed = false;
  std::jthread sweeper([&](std::stop_token const& stop) {
    while (!stop.stop_requested()) failed = failed || !remove_abandoned_writes(scratch.path());
  });
  for (int i = 0; i < 300; ++i) REQUIRE(atomic_write_file(scratch / "file", std::to_string(i)));
  CHECK(read_file(scratch / "file", 10).value() == "299");
  sweeper.request_stop();
  sweeper.join();
  CHECK_FALSE(failed);
}
