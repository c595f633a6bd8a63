#include "core/control/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/unit/control/harness.h"

using namespace b2b;
using namespace b2b::control;
using b2b::control::test::Wire;

namespace {

struct Place {
  b2b::test::Scratch scratch;
  SocketPlace place{scratch / "b2backupd/daemon.sock", "", scratch.path()};
  std::string directory = scratch / "b2backupd";
};

struct stat status_of(std::string const& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

// A socket file whose server was killed.
void leave_stale_socket(SocketPlace const& place) {
  auto file = SocketFile::listen(place).value();
  std::string const kept = file.path() + ".kept";
  REQUIRE(::link(file.path().c_str(), kept.c_str()) == 0);
  file.take_descriptor().reset();
  { SocketFile const gone(std::move(file)); }
  REQUIRE(::rename(kept.c_str(), place.path.c_str()) == 0);
}

}  // namespace

TEST_CASE("the socket is private and goes with its owner", "[socket_file]") {
  Place here;
  mode_t const umask_before = ::umask(0);
  {
    auto const file = SocketFile::listen(here.place).value();
    CHECK(::umask(0) == 0);  // as it was
    CHECK(file.path() == here.place.path);
    auto const status = status_of(here.place.path);
    CHECK(S_ISSOCK(status.st_mode));
    CHECK((status.st_mode & 07777) == 0600);
    CHECK((status_of(here.directory).st_mode & 07777) == 0700);
    CHECK(Wire(here.place.path).connected());
    CHECK_FALSE(path_exists(endpoint_file(here.place.path)));
  }
  ::umask(umask_before);
  CHECK_FALSE(path_exists(here.place.path));
}

TEST_CASE("a socket of a dead server is replaced", "[socket_file]") {
  Place here;
  leave_stale_socket(here.place);
  CHECK_FALSE(Wire(here.place.path).connected());
  auto const file = SocketFile::listen(here.place);
  REQUIRE(file);
  CHECK(Wire(here.place.path).connected());
}

TEST_CASE("a live server's socket is not taken", "[socket_file]") {
  Place here;
  auto const living = SocketFile::listen(here.place).value();
  auto const second = SocketFile::listen(here.place);
  REQUIRE_FALSE(second);
  CHECK(second.error().condition == Condition::busy);
  CHECK(second.error().message.starts_with("another daemon is listening"));
  CHECK(Wire(here.place.path).connected());
}

TEST_CASE("two that start at once take turns", "[socket_file]") {
  Place here;
  REQUIRE(make_directories(here.directory, 0700));
  auto const turn = open_file(here.directory, O_RDONLY | O_DIRECTORY, "open", 0).value();
  REQUIRE(::flock(turn.get(), LOCK_EX) == 0);
  CHECK(SocketFile::listen(here.place).error().condition == Condition::busy);
  REQUIRE(::flock(turn.get(), LOCK_UN) == 0);
  CHECK(SocketFile::listen(here.place));
}

TEST_CASE("what is no socket of ours stays", "[socket_file]") {
  Place here;
  REQUIRE(make_directories(here.directory, 0700));
  SECTION("a file") {
    atomic_write_file(here.place.path, "mine").value();
  }
  SECTION("a symlink") {
    REQUIRE(::symlink("elsewhere", here.place.path.c_str()) == 0);
  }
  SECTION("a directory") {
    REQUIRE(make_directories(here.place.path, 0700));
  }
  SECTION("a socket of another user") {
    if (::geteuid() != 0) return;
    leave_stale_socket(here.place);
    REQUIRE(::chown(here.place.path.c_str(), 65534, 65534) == 0);
  }
  auto const before = status_of(here.place.path);
  auto const result = SocketFile::listen(here.place);
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::permission);
  CHECK(status_of(here.place.path).st_ino == before.st_ino);
}

TEST_CASE("a socket that replaced ours is not removed", "[socket_file]") {
  Place here;
  {
    auto const file = SocketFile::listen(here.place).value();
    REQUIRE(::unlink(here.place.path.c_str()) == 0);
    atomic_write_file(here.place.path, "new").value();
  }
  CHECK(path_exists(here.place.path));
}

TEST_CASE("an open directory is refused", "[socket_file]") {
  Place here;
  REQUIRE(make_directories(here.directory, 0700));
  REQUIRE(::chmod(here.directory.c_str(), 0755) == 0);
  CHECK(SocketFile::listen(here.place).error().condition == Condition::permission);
  CHECK_FALSE(path_exists(here.place.path));
}

TEST_CASE("a path without a directory of its own is refused", "[socket_file]") {
  for (auto const* path : {"daemon.sock", "", "/daemon.sock"})
    CHECK(SocketFile::listen({path, "", "/tmp"}).error().condition == Condition::bad_config);
}

TEST_CASE("where the path is too long, the endpoint file names a short one", "[socket_file]") {
  Place here;
  here.place.path = here.directory + "/" + std::string(100, 'x') + "/daemon.sock";
  std::string const endpoint = endpoint_file(here.place.path);
  std::string path;
  {
    auto const file = SocketFile::listen(here.place).value();
    path = file.path();
    CHECK(fits_socket_address(path));
    CHECK(path.starts_with(here.scratch.path() + "/b2backupd-"));
    CHECK((status_of(parent_path(path)).st_mode & 07777) == 0700);
    CHECK((status_of(path).st_mode & 07777) == 0600);
    CHECK((status_of(endpoint).st_mode & 07777) == 0600);
    CHECK(read_endpoint(here.place.path, ::geteuid()).value() == path);
    CHECK(Wire(path).connected());
    auto const second = SocketFile::listen(here.place);
    REQUIRE_FALSE(second);
    CHECK(second.error().condition == Condition::busy);
    CHECK(read_endpoint(here.place.path, ::geteuid()).value() == path);
  }
  CHECK_FALSE(path_exists(endpoint));
  CHECK_FALSE(path_exists(parent_path(path)));
}

TEST_CASE("an endpoint file of a dead server is cleared away with its directory", "[socket_file]") {
  Place here;
  SocketPlace dead{here.scratch / "b2backupd-dead/daemon.sock", "", here.scratch.path()};
  leave_stale_socket(dead);
  REQUIRE(make_directories(here.directory, 0700));
  std::string const endpoint = endpoint_file(here.place.path);
  SECTION("with its socket") {
    atomic_write_file(endpoint, dead.path + "\n").value();
  }
  SECTION("without") {
    REQUIRE(::unlink(dead.path.c_str()) == 0);
    atomic_write_file(endpoint, dead.path + "\n").value();
  }
  auto const file = SocketFile::listen(here.place).value();
  CHECK_FALSE(path_exists(endpoint));
  CHECK_FALSE(path_exists(parent_path(dead.path)));
}

TEST_CASE("an endpoint file without sense is in nobody's way", "[socket_file]") {
  Place here;
  REQUIRE(make_directories(here.directory, 0700));
  atomic_write_file(endpoint_file(here.place.path), "rubbish").value();
  CHECK(SocketFile::listen(here.place));
}
