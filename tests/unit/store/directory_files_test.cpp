#include "core/store/directory_files.h"

#include <cerrno>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/store/directory_fixture.h"

using namespace b2b;
using namespace b2b::directory;
using test::DirectoryFixture;
namespace fs = std::filesystem;

namespace {

UniqueFd open_folder(std::string const& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

TEST_CASE("directory files: both ways to open agree, and neither follows links") {
  DirectoryFixture fixture;
  fixture.write_file("a/b/file", "x");
  fs::create_directory_symlink("b", fixture.path("a/link"));
  fs::create_symlink("file", fixture.path("a/b/link"));
  UniqueFd const folder = open_folder(fixture.bucket());
  REQUIRE(folder);
  struct Case {
    std::string path;
    int flags;
    bool opens;
  };
  for (Case const& one : {Case{"a/b/file", O_RDONLY, true}, Case{"a/b", O_RDONLY | O_DIRECTORY, true},
                          Case{"", O_RDONLY | O_DIRECTORY, true}, Case{"a/link/file", O_RDONLY, false},
                          Case{"a/link", O_RDONLY | O_DIRECTORY, false}, Case{"a/b/link", O_RDONLY, false},
                          Case{"a/none", O_RDONLY, false}, Case{"none/b", O_RDONLY, false},
                          Case{"a/b/file/x", O_RDONLY, false}}) {
    INFO(one.path);
    CHECK(static_cast<bool>(open_beneath(folder.get(), one.path, one.flags)) == one.opens);
    CHECK(static_cast<bool>(open_beneath_by_segments(folder.get(), one.path, one.flags)) == one.opens);
  }
  CHECK_FALSE(open_beneath(folder.get(), "../bucket", O_RDONLY | O_DIRECTORY));
  CHECK_FALSE(open_beneath(folder.get(), "none", O_RDONLY));
  CHECK(errno == ENOENT);
}

TEST_CASE("directory files: folders are made without following links") {
  DirectoryFixture fixture;
  fs::create_directory(fixture.root() + "/outside");
  fs::create_directory_symlink(fixture.root() + "/outside", fixture.path("link"));
  fixture.write_file("file", "x");
  UniqueFd const folder = open_folder(fixture.bucket());
  REQUIRE(folder);
  CHECK(make_folders_beneath(folder.get(), "a/b/c"));
  CHECK(make_folders_beneath(folder.get(), "a/b/c"));
  CHECK(fs::is_directory(fixture.path("a/b/c")));
  CHECK_FALSE(make_folders_beneath(folder.get(), "link/x"));
  CHECK(fs::is_empty(fixture.root() + "/outside"));
  CHECK_FALSE(make_folders_beneath(folder.get(), "file/x"));
  CHECK(errno == ENOTDIR);
}

TEST_CASE("directory files: copies of bytes") {
  DirectoryFixture fixture;
  std::string const body = test::body_of(300'000, 5);
  fixture.write_file("from", body);
  UniqueFd const from(::open(fixture.path("from").c_str(), O_RDONLY | O_CLOEXEC));
  UniqueFd const to(::open(fixture.path("to").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(from);
  REQUIRE(to);
  SECTION("by the kernel where it can") {
    REQUIRE(test::ok(copy_bytes(from.get(), to.get(), body.size(), "to", {})));
    CHECK((*read_file(fixture.path("to"), body.size()) == body));
  }
  SECTION("by hand where it cannot") {
    // The kernel copies from files only, never from a pipe.
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    UniqueFd const out(ends[0]);
    UniqueFd in(ends[1]);
    REQUIRE(::write(in.get(), body.data(), 10'000) == 10'000);
    REQUIRE(test::ok(copy_bytes(out.get(), to.get(), 10'000, "to", {})));
    CHECK((*read_file(fixture.path("to"), body.size()) == body.substr(0, 10'000)));
  }
  SECTION("of a file that is too short") {
    auto const copied = copy_bytes(from.get(), to.get(), body.size() + 1, "to", {});
    CHECK(test::condition_of(copied) == Condition::changed);
  }
  SECTION("that are told to stop") {
    std::stop_source source;
    source.request_stop();
    CHECK(test::condition_of(copy_bytes(from.get(), to.get(), body.size(), "to", source.get_token())) ==
          Condition::cancelled);
  }
}

TEST_CASE("directory files: errors of the system by condition") {
  CHECK(file_error(ENOSPC, "write", "x").condition == Condition::no_space);
  CHECK(file_error(EDQUOT, "write", "x").condition == Condition::no_space);
  CHECK(file_error(EACCES, "write", "x").condition == Condition::permission);
  CHECK(file_error(EROFS, "write", "x").condition == Condition::permission);
  for (int const gone : {EIO, ENODEV, ESTALE, ENOTCONN})
    CHECK(file_error(gone, "write", "x").condition == Condition::unreachable);
  CHECK(file_error(ENAMETOOLONG, "write", "x").condition == Condition::unsupported);
  CHECK(file_error(ENAMETOOLONG, "write", "x").advice.find("250") != std::string::npos);
  CHECK(file_error(EMFILE, "open", "x").advice.find("ulimit") != std::string::npos);
}

TEST_CASE("directory files: a temporary file goes unless it is installed") {
  DirectoryFixture fixture;
  Bucket const bucket(open_folder(fixture.bucket()), fixture.bucket());
  {
    auto const one = TemporaryFile::create(bucket);
    auto const two = TemporaryFile::create(bucket);
    REQUIRE(test::ok(one));
    REQUIRE(test::ok(two));
    CHECK(one->name() != two->name());
    CHECK(fixture.files().size() == 2);
  }
  CHECK(fixture.files().empty());
  {
    auto file = TemporaryFile::create(bucket);
    REQUIRE(test::ok(file));
    REQUIRE(test::ok(file->install("a/b", true)));
  }
  CHECK(fixture.files() == std::vector<std::string>{"a/", "a/b"});
  {
    auto file = TemporaryFile::create(bucket);
    REQUIRE(test::ok(file));
    fs::remove(bucket.path_of(file->name()));
    auto const installed = file->install("a/c", false);
    CHECK(test::condition_of(installed) == Condition::changed);
    CHECK(installed.error().retryable);
  }
}
