#include "core/util/rotating_file.h"

#include <csignal>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;

namespace {

std::string content(std::string const& path) {
  return read_file(path, 1 << 20).value();
}

unsigned mode_of(std::string const& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

// Files may not grow beyond `bytes`: what a full disk looks like to a writer.
class DiskFull {
 public:
  explicit DiskFull(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit const now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~DiskFull() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("a file is set aside before it grows too long, and the oldest goes") {
  test::Scratch scratch;
  std::string const path = scratch / "new/folder/log";
  auto file = RotatingFile::open(path, {.file_bytes_max = 8, .files_max = 3}).value();
  for (char const* line : {"one\n", "two\n", "three\n", "four\n", "five\n"})
    REQUIRE(file.append(line));
  CHECK(content(path) == "five\n");
  CHECK(content(path + ".1") == "four\n");
  CHECK(content(path + ".2") == "three\n");
  CHECK_FALSE(path_exists(path + ".3"));
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(path + ".1") == 0600);
  CHECK(mode_of(scratch / "new/folder") == 0700);
}

TEST_CASE("a line longer than the limit has a file of its own") {
  test::Scratch scratch;
  auto file = RotatingFile::open(scratch / "log", {.file_bytes_max = 8, .files_max = 2}).value();
  REQUIRE(file.append("a\n"));
  REQUIRE(file.append("a much longer line\n"));
  REQUIRE(file.append("b\n"));
  CHECK(content(scratch / "log") == "b\n");
  CHECK(content(scratch / "log.1") == "a much longer line\n");
}

TEST_CASE("one file alone starts again when it is full") {
  test::Scratch scratch;
  auto file = RotatingFile::open(scratch / "log", {.file_bytes_max = 8, .files_max = 1}).value();
  for (char const* line : {"one\n", "two\n", "three\n"})
    REQUIRE(file.append(line));
  CHECK(content(scratch / "log") == "three\n");
  CHECK_FALSE(path_exists(scratch / "log.1"));
}

TEST_CASE("an existing file is continued, and made private") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  REQUIRE(atomic_write_file(path, "before\ntorn", 0644));
  auto file = RotatingFile::open(path, {}).value();
  REQUIRE(file.append("after\n"));
  CHECK(content(path) == "before\ntorn\nafter\n");
  CHECK(mode_of(path) == 0600);
}

TEST_CASE("a file that somebody else moved away or removed is opened again") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  auto file = RotatingFile::open(path, {}).value();
  REQUIRE(file.append("one\n"));
  REQUIRE(::rename(path.c_str(), (path + ".moved").c_str()) == 0);
  REQUIRE(file.append("two\n"));
  CHECK(content(path + ".moved") == "one\n");
  CHECK(content(path) == "two\n");
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(file.append("three\n"));
  CHECK(content(path) == "three\n");
}

TEST_CASE("nothing is written where a file is not plainly ours") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  REQUIRE(atomic_write_file(scratch / "precious", "untouched"));
  SECTION("a symlink") {
    REQUIRE(::symlink((scratch / "precious").c_str(), path.c_str()) == 0);
  }
  SECTION("a hard link") {
    REQUIRE(::link((scratch / "precious").c_str(), path.c_str()) == 0);
  }
  SECTION("a pipe") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SECTION("a directory") {
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  }
  SECTION("a file of another user") {
    if (::geteuid() != 0) {
      WARN("skipped: only root can make a file of another user");
      return;
    }
    REQUIRE(atomic_write_file(path, ""));
    REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
  }
  auto const opened = RotatingFile::open(path, {});
  REQUIRE_FALSE(opened);
  CHECK(opened.error().subject == path);
  CHECK(content(scratch / "precious") == "untouched");
}

TEST_CASE("the checks hold again after a rotation") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  REQUIRE(atomic_write_file(scratch / "precious", "untouched"));
  auto file = RotatingFile::open(path, {}).value();
  REQUIRE(file.append("one\n"));
  REQUIRE(::unlink(path.c_str()) == 0);
  REQUIRE(::symlink((scratch / "precious").c_str(), path.c_str()) == 0);
  auto const written = file.append("two\n");
  REQUIRE_FALSE(written);
  CHECK(written.error().condition == Condition::refused);
  CHECK(content(scratch / "precious") == "untouched");
}

TEST_CASE("what a full disk cut off does not spoil the next line") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  auto file = RotatingFile::open(path, {}).value();
  REQUIRE(file.append("one\n"));
  {
    DiskFull const full(7);
    CHECK_FALSE(file.append("two two\n"));
    CHECK_FALSE(file.append("three\n"));
  }
  REQUIRE(file.append("four\n"));
  CHECK(content(path) == "one\ntwo\nfour\n");
}

TEST_CASE("a file that cannot be set aside does not grow") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  REQUIRE(make_directories(path + ".1/in the way"));
  auto file = RotatingFile::open(path, {.file_bytes_max = 8, .files_max = 2}).value();
  REQUIRE(file.append("one\n"));
  CHECK_FALSE(file.append("two two\n"));
  CHECK_FALSE(file.append("three three\n"));
  CHECK(content(path) == "one\n");
  REQUIRE(remove_tree(path + ".1"));
  REQUIRE(file.append("four four\n"));
  CHECK(content(path) == "four four\n");
  CHECK(content(path + ".1") == "one\n");
}

TEST_CASE("several writers of one file lose nothing") {
  test::Scratch scratch;
  std::string const path = scratch / "log";
  constexpr int writers = 4, lines = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < writers; ++t)
    threads.emplace_back([&] {
      auto file = RotatingFile::open(path, {.file_bytes_max = 100, .files_max = 1000}).value();
      for (int i = 0; i < lines; ++i)
        file.append("a line\n").value();
    });
  for (auto& thread : threads)
    thread.join();
  std::string all = content(path);
  for (int number = 1; path_exists(path + "." + std::to_string(number)); ++number)
    all += content(path + "." + std::to_string(number));
  std::string expected;
  for (int i = 0; i < writers * lines; ++i)
    expected += "a line\n";
  CHECK(all == expected);
}
