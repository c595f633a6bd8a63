#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/util/byte_stream.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

namespace {

// Runs `work` in a child without the superuser's rights, which would make every mode pass. True: it returned true.
template <class Work>
bool as_ordinary_user(std::string const& directory, Work work) {
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0) {
      uid_t const nobody = 65534;
      if (::chown(directory.c_str(), nobody, nobody) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(3);
    }
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("a tree is removed, what its links point to stays") {
  Scratch const scratch;
  REQUIRE(make_directories(scratch / "outside"));
  REQUIRE(atomic_write_file(scratch / "outside/kept", "x"));
  REQUIRE(make_directories(scratch / "tree/a/b/c"));
  REQUIRE(make_directories(scratch / "tree/empty"));
  for (int i = 0; i < 300; ++i) {
    REQUIRE(FileSink::create(scratch / ("tree/a/file" + std::to_string(i))));
    REQUIRE(make_directories(scratch / ("tree/a/b/dir" + std::to_string(i))));
  }
  std::filesystem::create_directory_symlink(scratch / "outside", scratch / "tree/a/link");
  std::filesystem::create_symlink("nowhere", scratch / "tree/dangling");
  REQUIRE(::mkfifo((scratch / "tree/pipe").c_str(), 0600) == 0);
  CHECK(remove_tree((scratch / "tree") + "/"));
  CHECK_FALSE(path_exists(scratch / "tree"));
  CHECK(path_exists(scratch / "outside/kept"));
}

TEST_CASE("a single file or link is removed as well") {
  Scratch const scratch;
  REQUIRE(make_directories(scratch / "directory"));
  REQUIRE(atomic_write_file(scratch / "directory/file", "x"));
  std::filesystem::create_directory_symlink(scratch / "directory", scratch / "link");
  CHECK(remove_tree(scratch / "link"));
  CHECK_FALSE(path_exists(scratch / "link"));
  CHECK(path_exists(scratch / "directory/file"));
  CHECK(remove_tree(scratch / "directory/file"));
  CHECK_FALSE(path_exists(scratch / "directory/file"));
}

TEST_CASE("what is not there is fine to remove") {
  Scratch const scratch;
  CHECK(remove_tree(scratch / "none"));
  CHECK(remove_tree(scratch / "none/below"));
  REQUIRE(atomic_write_file(scratch / "file", "x"));
  CHECK(remove_tree(scratch / "file/below"));
}

TEST_CASE("directories that nobody means are refused") {
  for (auto const* path : {"", "/", ".", "..", "a/..", "a/.", "///"}) {
    INFO(path);
    CHECK(remove_tree(path).error().condition == Condition::internal);
  }
}

TEST_CASE("a tree deeper than the limits on paths and descriptors is removed") {
  Scratch const scratch;
  REQUIRE(make_directories(scratch / "deep"));
  UniqueFd current(::open((scratch / "deep").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::string const name(100, 'd');
  for (int i = 0; i < 2000; ++i) {
    REQUIRE(::mkdirat(current.get(), name.c_str(), 0700) == 0);
    current = UniqueFd(::openat(current.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(current);
  }
  CHECK(remove_tree(scratch / "deep"));
  CHECK_FALSE(path_exists(scratch / "deep"));
}

TEST_CASE("directories of ours without permissions are removed") {
  Scratch const scratch;
  CHECK(as_ordinary_user(scratch.path(), [&] {
    for (unsigned mode : {0000U, 0100U, 0200U, 0400U, 0500U}) {
      if (!make_directories(scratch / "tree/closed/below") || !atomic_write_file(scratch / "tree/closed/below/file", "x"))
        return false;
      for (auto const* path : {"tree/closed/below", "tree/closed", "tree"})
        if (::chmod((scratch / path).c_str(), mode) != 0) return false;
      if (!remove_tree(scratch / "tree") || path_exists(scratch / "tree")) return false;
    }
    return true;
  }));
}

TEST_CASE("a directory of ours that we may not write to is named") {
  Scratch const scratch;
  CHECK(as_ordinary_user(scratch.path(), [&] {
    // The directory above the tree is the caller's business: its mode is left alone.
    if (!make_directories(scratch / "above/tree") || ::chmod((scratch / "above").c_str(), 0500) != 0) return false;
    auto const removed = remove_tree(scratch / "above/tree");
    return !removed && removed.error().condition == Condition::permission &&
           removed.error().subject == scratch / "above/tree" && ::chmod((scratch / "above").c_str(), 0700) == 0;
  }));
}
