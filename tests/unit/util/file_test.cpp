#include "core/util/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

namespace {

unsigned mode_of(std::string const& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

std::vector<std::string> names_in(std::string const& directory) {
  std::vector<std::string> names;
  for (auto const& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  return names;
}

}  // namespace

TEST_CASE("a file is read whole or not at all") {
  Scratch const scratch;
  std::string const big(200'000, 'x');
  REQUIRE(atomic_write_file(scratch / "big", big));
  CHECK(read_file(scratch / "big", big.size()).value() == big);
  CHECK(read_file(scratch / "big", big.size() - 1).error().condition == Condition::limit);
  CHECK(read_file(scratch / "big", 0).error().condition == Condition::limit);
  REQUIRE(atomic_write_file(scratch / "empty", ""));
  CHECK(read_file(scratch / "empty", 0).value().empty());
  auto const missing = read_file(scratch / "none", 10);
  CHECK(missing.error().condition == Condition::not_found);
  CHECK(missing.error().subject == scratch / "none");
  CHECK(read_file(scratch.path(), 10).error().system_errno == EISDIR);
}

TEST_CASE("reading goes on to the end of a pipe") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd const in(ends[0]);
  UniqueFd out(ends[1]);
  bool written = true;
  std::thread writer([&] {
    for (int i = 0; i < 3; ++i) written = write_all(out.get(), as_bytes("abc"), "pipe") && written;
    out.reset();
  });
  std::vector<std::uint8_t> buffer(100);
  CHECK(read_some(in.get(), buffer, "pipe").value() == 9);
  CHECK(read_some(in.get(), buffer, "pipe").value() == 0);
  writer.join();
  CHECK(written);
}

TEST_CASE("bad descriptors are errors that name the path") {
  std::vector<std::uint8_t> buffer(1);
  CHECK(read_some(-1, buffer, "the file").error().subject == "the file");
  CHECK(write_all(-1, buffer, "the file").error().system_errno == EBADF);
  CHECK(fsync_file(-1, "the file").error().system_errno == EBADF);
}

TEST_CASE("directories are made all the way down") {
  Scratch const scratch;
  CHECK(make_directories(scratch / "a/b//c/"));
  CHECK(mode_of(scratch / "a/b/c") == 0700);
  CHECK(make_directories(scratch / "a/b/c"));
  mode_t const before = ::umask(077);
  CHECK(make_directories(scratch / "wide/open", 0755));
  ::umask(before);
  CHECK(mode_of(scratch / "wide") == 0755);
  REQUIRE(atomic_write_file(scratch / "file", "x"));
  CHECK(make_directories(scratch / "file").error().system_errno == ENOTDIR);
  CHECK_FALSE(make_directories(scratch / "file/below"));
  std::filesystem::create_directory_symlink(scratch / "a", scratch / "link");
  CHECK(make_directories(scratch / "link/d"));
  CHECK(path_exists(scratch / "a/d"));
  CHECK(make_directories("").error().condition == Condition::internal);
  CHECK(make_directories("/"));
}

TEST_CASE("an atomic write replaces the whole file") {
  Scratch const scratch;
  auto const path = scratch / "config";
  CHECK(atomic_write_file(path, "one"));
  CHECK(mode_of(path) == 0600);
  CHECK(atomic_write_file(path, "two", 0644));
  CHECK(mode_of(path) == 0644);
  CHECK(read_file(path, 10).value() == "two");
  CHECK(names_in(scratch.path()) == std::vector<std::string>{"config"});
  std::string const long_name(250, 'n');
  CHECK(atomic_write_file(scratch / long_name, "the temporary's name is not longer than the file's"));
}

TEST_CASE("a failed atomic write leaves nothing behind") {
  Scratch const scratch;
  SECTION("the target is a directory") {
    REQUIRE(make_directories(scratch / "target"));
    CHECK_FALSE(atomic_write_file(scratch / "target", "x"));
    CHECK(names_in(scratch.path()) == std::vector<std::string>{"target"});
    CHECK(names_in(scratch / "target").empty());
  }
  SECTION("the directory does not exist") {
    auto const written = atomic_write_file(scratch / "none/file", "x");
    CHECK(written.error().condition == Condition::not_found);
    CHECK(names_in(scratch.path()).empty());
  }
  SECTION("the directory is a file") {
    REQUIRE(atomic_write_file(scratch / "file", "old"));
    CHECK_FALSE(atomic_write_file(scratch / "file/below", "x"));
    CHECK(names_in(scratch.path()) == std::vector<std::string>{"file"});
    CHECK(read_file(scratch / "file", 10).value() == "old");
  }
}

TEST_CASE("a file that outgrows a limit leaves the old content") {
  // The file size limit stands in for a full disk; a child of its own, for limits do not go back up.
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "file", "old"));
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit const limit{1000, 1000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    auto const written = atomic_write_file(scratch / "file", std::string(5000, 'x'));
    ::_exit(!written && written.error().system_errno == EFBIG ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_file(scratch / "file", 10).value() == "old");
  CHECK(names_in(scratch.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("a relative path is written beside the program") {
  Scratch const scratch;
  auto const before = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path());
  auto const written = atomic_write_file("name", "x");
  std::filesystem::current_path(before);
  CHECK(written);
  CHECK(names_in(scratch.path()) == std::vector<std::string>{"name"});
}

TEST_CASE("free space is asked of the file system") {
  Scratch const scratch;
  CHECK(free_space(scratch.path()).value() > 0);
  CHECK(free_space(scratch / "none").error().condition == Condition::not_found);
}

TEST_CASE("a dangling symlink exists") {
  Scratch const scratch;
  std::filesystem::create_symlink("nowhere", scratch / "link");
  CHECK(path_exists(scratch / "link"));
  CHECK_FALSE(path_exists(scratch / "none"));
}

TEST_CASE("directories can be synced, files are not directories") {
  Scratch const scratch;
  CHECK(fsync_directory(scratch.path()));
  REQUIRE(atomic_write_file(scratch / "file", "x"));
  CHECK_FALSE(fsync_directory(scratch / "file"));
}

TEST_CASE("paths are joined with one slash") {
  CHECK(join_path("a", "b") == "a/b");
  CHECK(join_path("a/", "b") == "a/b");
  CHECK(join_path("a//", "/b/c") == "a/b/c");
  CHECK(join_path("", "b") == "b");
  CHECK(join_path("", "/b") == "/b");
  CHECK(join_path("/", "b") == "/b");
  CHECK(join_path("a", "") == "a");
}

TEST_CASE("paths come apart again") {
  CHECK(parent_path("a/b/c") == "a/b");
  CHECK(parent_path("a/b/") == "a");
  CHECK(parent_path("a//b") == "a");
  CHECK(parent_path("/a") == "/");
  CHECK(parent_path("/") == "/");
  CHECK(parent_path("a").empty());
  CHECK(parent_path("").empty());
  CHECK(base_name("a/b/c") == "c");
  CHECK(base_name("a/b/") == "b");
  CHECK(base_name("a") == "a");
  CHECK(base_name("/a") == "a");
}

TEST_CASE("a temporary directory goes with all it holds") {
  Scratch const scratch;
  std::string path;
  {
    auto directory = TemporaryDirectory::create(scratch.path(), "work-").value();
    path = directory.path();
    CHECK(base_name(path).starts_with("work-"));
    CHECK(mode_of(path) == 0700);
    REQUIRE(make_directories(join_path(path, "a/b")));
    TemporaryDirectory const moved = std::move(directory);
    CHECK(path_exists(path));
  }
  CHECK_FALSE(path_exists(path));
  CHECK(TemporaryDirectory::create(scratch / "none", "x").error().condition == Condition::not_found);
}
