#include "core/control/socket_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::control;

namespace {

unsigned mode_of(std::string const& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("a socket address holds 107 bytes", "[socket_place]") {
  CHECK(fits_socket_address(std::string(107, 'x')));
  CHECK_FALSE(fits_socket_address(std::string(108, 'x')));
}

TEST_CASE("the endpoint file holds one absolute path", "[socket_place]") {
  test::Scratch const scratch;
  std::string const socket = scratch / "daemon.sock";
  CHECK(read_endpoint(socket, ::geteuid()).error().condition == Condition::not_found);
  auto const read = [&](std::string_view content) {
    atomic_write_file(scratch / "endpoint", content).value();
    return read_endpoint(socket, ::geteuid());
  };
  CHECK(read("/tmp/x/daemon.sock\n").value() == "/tmp/x/daemon.sock");
  CHECK(read("/tmp/x/daemon.sock").value() == "/tmp/x/daemon.sock");
  for (auto const& content :
       {std::string(), std::string("\n"), std::string("tmp/x\n"), std::string("/a\n/b\n"),
        "/" + std::string(107, 'x'), "/" + std::string(5000, 'x'), std::string("/a\0b", 4)}) {
    INFO(content);
    auto const result = read(content);
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::corrupt);
  }
}

TEST_CASE("an endpoint file that others could write is not believed", "[socket_place]") {
  test::Scratch const scratch;
  std::string const socket = scratch / "daemon.sock";
  atomic_write_file(scratch / "endpoint", "/tmp/x\n").value();
  REQUIRE(::chmod((scratch / "endpoint").c_str(), 0620) == 0);
  CHECK(read_endpoint(socket, ::geteuid()).error().condition == Condition::permission);
  REQUIRE(::unlink((scratch / "endpoint").c_str()) == 0);
  REQUIRE(::mkfifo((scratch / "endpoint").c_str(), 0600) == 0);
  CHECK_FALSE(read_endpoint(socket, ::geteuid()));  // and does not hang
  REQUIRE(::unlink((scratch / "endpoint").c_str()) == 0);
  REQUIRE(::symlink("/etc/hostname", (scratch / "endpoint").c_str()) == 0);
  CHECK_FALSE(read_endpoint(socket, ::geteuid()));
}

TEST_CASE("an endpoint file of another user is not believed", "[socket_place]") {
  if (::geteuid() != 0) return;  // only root can give files away
  test::Scratch const scratch;
  atomic_write_file(scratch / "endpoint", "/tmp/x\n").value();
  REQUIRE(::chown((scratch / "endpoint").c_str(), 65534, 65534) == 0);
  CHECK(read_endpoint(scratch / "daemon.sock", 0).error().condition == Condition::permission);
  CHECK(read_endpoint(scratch / "daemon.sock", 65534).has_value());
}

TEST_CASE("the socket's directory is made, private, and must be so", "[socket_place]") {
  test::Scratch const scratch;
  std::string const directory = scratch / "b2backupd";
  CHECK(ensure_private_directory(directory));
  CHECK(mode_of(directory) == 0700);
  CHECK(ensure_private_directory(directory));
  for (mode_t const mode : {0710, 0701, 0750, 0770, 0720, 01777}) {
    REQUIRE(::chmod(directory.c_str(), mode) == 0);
    auto const result = ensure_private_directory(directory);
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::permission);
    CHECK(result.error().advice.find("chmod 700") != std::string::npos);
  }
  REQUIRE(::chmod(directory.c_str(), 0700) == 0);
  std::string const link = scratch / "link";
  REQUIRE(::symlink(directory.c_str(), link.c_str()) == 0);
  CHECK_FALSE(ensure_private_directory(link));
  atomic_write_file(scratch / "file", "x").value();
  CHECK_FALSE(ensure_private_directory(scratch / "file"));
}

TEST_CASE("a directory of another user is refused", "[socket_place]") {
  if (::geteuid() != 0) return;
  test::Scratch const scratch;
  std::string const directory = scratch / "b2backupd";
  REQUIRE(ensure_private_directory(directory));
  REQUIRE(::chown(directory.c_str(), 65534, 65534) == 0);
  CHECK(ensure_private_directory(directory).error().condition == Condition::permission);
}

TEST_CASE("a short directory is below the runtime directory, or a fresh one elsewhere", "[socket_place]") {
  test::Scratch const scratch;
  std::string const runtime = scratch / "run";
  REQUIRE(make_directories(runtime, 0700));
  SocketPlace place{"/very/long/daemon.sock", runtime, scratch.path()};
  auto const first = make_short_directory(place).value();
  CHECK(first.starts_with(runtime + "/b2backupd-"));
  CHECK(mode_of(first) == 0700);
  CHECK(make_short_directory(place).value() == first);
  place.path = "/another/daemon.sock";
  CHECK(make_short_directory(place).value() != first);

  auto const elsewhere = [&] {
    auto const path = make_short_directory(place).value();
    CHECK(path.starts_with(scratch.path() + "/b2backupd-"));
    CHECK(mode_of(path) == 0700);
    return path;
  };
  REQUIRE(::chmod(runtime.c_str(), 0777) == 0);
  auto const one = elsewhere();
  place.runtime_directory = scratch / "missing";
  CHECK(elsewhere() != one);
  place.runtime_directory = scratch.path() + "/" + std::string(100, 'x');
  elsewhere();
  place.runtime_directory.clear();
  elsewhere();
  place.temporary_directory = scratch.path() + "/" + std::string(100, 'x');
  CHECK(make_short_directory(place).error().condition == Condition::bad_config);
  place.temporary_directory = scratch / "missing";
  CHECK_FALSE(make_short_directory(place));
}
