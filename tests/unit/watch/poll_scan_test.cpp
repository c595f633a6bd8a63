#include "core/watch/poll_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;

namespace {

struct Scanned {
  Scratch scratch;
  std::string root = scratch / "root";
  PollScan scan;

  explicit Scanned(std::size_t max = PollScan::max_directories)
      : scan(root, [](std::string_view path) { return base_name(path) == "cache"; }, max) {
    make("a/b");
    make("c");
    write("a/b/file");
    write("c/file");
  }
  void make(std::string const& path) const { REQUIRE(make_directories(root + "/" + path)); }
  void write(std::string const& path) const { REQUIRE(std::ofstream(root + "/" + path, std::ios::app) << "x"); }
  std::set<std::string> round(bool silent = false) {
    std::set<std::string> changed;
    scan.begin({""}, silent);
    while (!scan.step(2, [&](std::string const& path) { changed.insert(path); })) {
    }
    return changed;
  }
};

using Paths = std::set<std::string>;

}  // namespace

TEST_CASE("the first round is the state to compare with") {
  Scanned s;
  CHECK(s.round(true).empty());
  CHECK(s.scan.directories() == 4);
  CHECK(s.round().empty());
}

TEST_CASE("without it, whatever is met counts as changed") {
  Scanned s;
  CHECK(s.round() == Paths{"", "a", "a/b", "c"});
  CHECK(s.round().empty());
}

TEST_CASE("a change is reported as its directory, once") {
  Scanned s;
  s.round(true);
  s.write("a/b/file");
  CHECK(s.round() == Paths{"a/b"});
  CHECK(s.round().empty());
  REQUIRE(::unlink((s.root + "/c/file").c_str()) == 0);
  CHECK(s.round() == Paths{"c"});
  REQUIRE(::chmod((s.root + "/a/b/file").c_str(), 0600) == 0);
  CHECK(s.round() == Paths{"a/b"});
  s.make("c/new");
  CHECK(s.round() == Paths{"c", "c/new"});
  REQUIRE(remove_tree(s.root + "/a/b"));
  CHECK(s.round() == Paths{"a"});
  REQUIRE(::rename((s.root + "/c").c_str(), (s.root + "/d").c_str()) == 0);
  CHECK(s.round() == Paths{"", "d", "d/new"});
}

TEST_CASE("a directory that moves away and back between two rounds has not changed") {
  Scanned s;
  s.round(true);
  REQUIRE(::rename((s.root + "/c").c_str(), (s.root + "/d").c_str()) == 0);
  REQUIRE(::rename((s.root + "/d").c_str(), (s.root + "/c").c_str()) == 0);
  CHECK(s.round().empty());
  REQUIRE(::rename((s.root + "/c").c_str(), (s.root + "/d").c_str()) == 0);
  CHECK(s.round() == Paths{"", "d"});
}

TEST_CASE("a file that keeps its size and its mtime is found by its ctime") {
  Scanned s;
  s.round(true);
  struct stat before {};
  REQUIRE(::stat((s.root + "/c/file").c_str(), &before) == 0);
  std::ofstream(s.root + "/c/file") << "y";
  timespec const times[2]{before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, (s.root + "/c/file").c_str(), times, 0) == 0);
  struct stat after {};
  REQUIRE(::stat((s.root + "/c/file").c_str(), &after) == 0);
  REQUIRE(after.st_size == before.st_size);
  REQUIRE(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
  if (after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec) {
    WARN("SKIPPED: the file system's clock did not move");
    return;
  }
  CHECK(s.round() == Paths{"c"});
}

TEST_CASE("skipped directories, our own folder and symlinks to directories are not looked into") {
  Scanned s;
  s.make("a/cache");
  s.make("b2backupd");
  REQUIRE(make_directories(s.scratch / "elsewhere"));
  REQUIRE(::symlink((s.scratch / "elsewhere").c_str(), (s.root + "/link").c_str()) == 0);
  s.round(true);
  CHECK(s.scan.directories() == 4);
  s.write("a/cache/file");
  s.write("b2backupd/file");
  s.write("link/file");
  CHECK(s.round().empty());
  REQUIRE(remove_tree(s.root + "/a/cache"));
  s.make("c/cache");
  CHECK(s.round().empty());
}

TEST_CASE("directories past the bound are compared as one") {
  Scanned s(2);
  s.round(true);
  CHECK(s.round().empty());
  for (auto const* path : {"a/b/file", "c/file"}) {
    s.write(path);
    auto const changed = s.round();
    INFO(path);
    CHECK(changed.size() == 1);
    CHECK((changed == Paths{""} || changed == Paths{parent_path(path)}));
  }
  CHECK(s.round().empty());
}

TEST_CASE("a root that is missing is said to be") {
  Scanned s;
  s.round(true);
  REQUIRE(remove_tree(s.root));
  s.round();
  CHECK(s.scan.root_missing());
  CHECK(s.scan.directories() == 0);
  s.make("");
  s.round();
  CHECK_FALSE(s.scan.root_missing());
}
