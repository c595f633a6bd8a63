#include <atomic>
#include <csignal>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store/directory_fixture.h"

using namespace b2b;
using test::condition_of;
using test::DirectoryFixture;
using test::ok;
namespace fs = std::filesystem;
using Names = std::vector<std::string>;

TEST_CASE("directory store: conformance") {
  test::ConformanceOptions options;
  options.keys_nest = false;
  std::vector<TemporaryDirectory> directories;
  test::run_conformance(
      [&] {
        directories.push_back(*TemporaryDirectory::create(fs::temp_directory_path().string(), "b2b-store-"));
        return *open_directory_store(directories.back().path(), "bucket");
      },
      options);
}

TEST_CASE("directory store: an object is a file, its key the path") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "prefix/id/dir/file.txt", "body");
  CHECK(fixture.files() == Names{"prefix/", "prefix/id/", "prefix/id/dir/", "prefix/id/dir/file.txt"});
  CHECK(*read_file(fixture.path("prefix/id/dir/file.txt"), 100) == "body");
  CHECK(fixture.mode("prefix/id/dir/file.txt") == 0600);
  CHECK(fixture.mode("prefix") == 0700);
  CHECK(fixture.mode("prefix/id/dir") == 0700);
  fixture.write_file("copied/by/another tool", "x");
  CHECK(test::must_get(fixture.store(), "copied/by/another tool") == "x");
  fixture.reopen();
  CHECK(test::list_names(fixture.store(), {}) == Names{"copied/by/another tool", "prefix/id/dir/file.txt"});
}

TEST_CASE("directory store: where it opens") {
  DirectoryFixture fixture;
  SECTION("the path must exist") {
    auto const missing = open_directory_store(fixture.root() + "/not-mounted", "bucket");
    CHECK(condition_of(missing) == Condition::unreachable);
    CHECK(missing.error().advice.find("mounted") != std::string::npos);
    CHECK_FALSE(path_exists(fixture.root() + "/not-mounted"));
  }
  SECTION("the path must be a directory") {
    std::ofstream(fixture.root() + "/file") << "x";
    CHECK(condition_of(open_directory_store(fixture.root() + "/file", "bucket")) == Condition::bad_config);
    CHECK(condition_of(open_directory_store(fixture.root(), "file")) == Condition::bad_config);
  }
  SECTION("the bucket is one folder name") {
    for (std::string const bucket : {"", "a/b", "..", "/", "a\n"}) {
      INFO(bucket);
      CHECK(condition_of(open_directory_store(fixture.root(), bucket)) == Condition::bad_config);
    }
  }
  SECTION("the bucket is made, private") {
    REQUIRE(ok(open_directory_store(fixture.root(), "other")));
    CHECK(fs::is_directory(fixture.root() + "/other"));
    CHECK((fs::status(fixture.root() + "/other").permissions() & fs::perms::others_all) == fs::perms::none);
  }
  SECTION("the temporary folder is no link") {
    fs::create_directory_symlink("/", fixture.path(".b2backupd-tmp"));
    CHECK(condition_of(open_directory_store(fixture.root(), "bucket")) == Condition::refused);
  }
  SECTION("a store whose folder is removed while it is open") {
    fs::remove_all(fixture.bucket());
    CHECK(condition_of(test::put_text(fixture.store(), "a/b", "x")) == Condition::unreachable);
    CHECK(condition_of(fixture.store().head("a/b", {})) == Condition::not_found);
  }
}

TEST_CASE("directory store: a file cannot be a folder, and the error names both") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "a/b/c", "x");
  test::must_put(fixture.store(), "file", "y");
  auto const over_folder = test::put_text(fixture.store(), "a/b", "z");
  CHECK(condition_of(over_folder) == Condition::unsupported);
  CHECK(over_folder.error().message.find("under a/b/") != std::string::npos);
  auto const below_file = test::put_text(fixture.store(), "file/x/y", "z");
  CHECK(condition_of(below_file) == Condition::unsupported);
  CHECK(below_file.error().message.find("file/x/y") != std::string::npos);
  CHECK(below_file.error().message.find(fixture.path("file") + " is an object") != std::string::npos);
  CHECK(condition_of(fixture.store().copy("file", "a/b", 1, {})) == Condition::unsupported);
  CHECK(condition_of(fixture.store().copy("a/b/c", "file/x", 1, {})) == Condition::unsupported);
  CHECK(fixture.files() == Names{"a/", "a/b/", "a/b/c", "file"});  // no temporary file either
}

TEST_CASE("directory store: an empty folder is in nobody's way") {
  DirectoryFixture fixture;
  fs::create_directories(fixture.path("left/over"));
  CHECK(test::list_names(fixture.store(), {.prefix = "", .start_after = "", .delimiter = true}).empty());
  CHECK(test::is_absent(fixture.store(), "left/over"));
  test::must_put(fixture.store(), "left/over", "x");
  CHECK(test::must_get(fixture.store(), "left/over") == "x");
}

TEST_CASE("directory store: the temporary folder is kept apart") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "object", "x");
  fixture.write_file(".b2backupd-tmp/left", "half");
  CHECK(test::list_names(fixture.store(), {}) == Names{"object"});
  CHECK(test::list_names(fixture.store(), {.prefix = ".b", .start_after = "", .delimiter = false}).empty());
  CHECK(
      test::list_names(fixture.store(), {.prefix = ".b2backupd-tmp/", .start_after = "", .delimiter = false})
          .empty());
  CHECK(test::list_names(fixture.store(), {.prefix = "", .start_after = "", .delimiter = true}) ==
        Names{"object"});
  StringSink sink(10);
  for (std::string const key : {".b2backupd-tmp", ".b2backupd-tmp/left"}) {
    CHECK(condition_of(test::put_text(fixture.store(), key, "x")) == Condition::usage);
    CHECK(condition_of(fixture.store().get(key, std::nullopt, sink, {})) == Condition::usage);
    CHECK(condition_of(fixture.store().head(key, {})) == Condition::usage);
    CHECK(condition_of(fixture.store().copy(key, "b", 4, {})) == Condition::usage);
    CHECK(condition_of(fixture.store().copy("object", key, 1, {})) == Condition::usage);
    CHECK(condition_of(remove_all(fixture.store(), key, {})) == Condition::usage);
  }
  test::must_put(fixture.store(), ".b2backupd-tmp2/fine", "x");
  CHECK(test::list_names(fixture.store(), {}) == Names{".b2backupd-tmp2/fine", "object"});
}

TEST_CASE("directory store: symbolic links are neither followed nor listed") {
  DirectoryFixture fixture;
  fs::create_directory(fixture.root() + "/outside");
  std::ofstream(fixture.root() + "/outside/secret") << "secret";
  test::must_put(fixture.store(), "real/object", "x");
  fs::create_symlink(fixture.root() + "/outside/secret", fixture.path("link"));
  fs::create_directory_symlink(fixture.root() + "/outside", fixture.path("folder"));
  REQUIRE(::mkfifo(fixture.path("fifo").c_str(), 0600) == 0);

  CHECK(test::list_names(fixture.store(), {}) == Names{"real/object"});
  CHECK(test::list_names(fixture.store(), {.prefix = "", .start_after = "", .delimiter = true}) ==
        Names{"real/"});
  CHECK(test::list_names(fixture.store(), {.prefix = "folder/", .start_after = "", .delimiter = false})
            .empty());
  StringSink sink(10);
  for (std::string const key : {"link", "folder/secret", "fifo"}) {
    INFO(key);
    CHECK(condition_of(fixture.store().get(key, std::nullopt, sink, {})) == Condition::not_found);
    CHECK(condition_of(fixture.store().copy(key, "copy", 6, {})) == Condition::not_found);
    CHECK(ok(remove_all(fixture.store(), key, {})));
  }
  auto const below_link = test::put_text(fixture.store(), "folder/new", "x");
  CHECK(condition_of(below_link) == Condition::unsupported);
  CHECK(below_link.error().message.find("folder") != std::string::npos);
  CHECK(path_exists(fixture.root() + "/outside/secret"));
  CHECK_FALSE(path_exists(fixture.root() + "/outside/new"));
  CHECK(path_exists(fixture.path("link")));
  test::must_put(fixture.store(), "link",
                 "an object of its own");  // replaces the link, not what it points to
  CHECK(*read_file(fixture.root() + "/outside/secret", 10) == "secret");
}

TEST_CASE("directory store: prefixes that begin no key match nothing") {
  DirectoryFixture fixture;
  std::ofstream(fixture.root() + "/outside") << "x";
  test::must_put(fixture.store(), "a/b", "x");
  for (std::string const prefix : {"../", "..", "/", "/a", "a//", "a/../", "./a", "a/./b"}) {
    INFO(prefix);
    CHECK(
        test::list_names(fixture.store(), {.prefix = prefix, .start_after = "", .delimiter = false}).empty());
  }
}

TEST_CASE("directory store: removal takes empty folders along, never the bucket") {
  DirectoryFixture fixture;
  for (std::string const key : {"p/1/deep/er/file", "p/1/manifest", "p/2/x", "top"})
    test::must_put(fixture.store(), key, "x");
  REQUIRE(ok(remove_all(fixture.store(), "p/1/deep/er/file", {})));
  CHECK(fixture.files() == Names{"p/", "p/1/", "p/1/manifest", "p/2/", "p/2/x", "top"});
  auto const all = test::versions_under(fixture.store(), "");
  REQUIRE(ok(fixture.store().remove_versions(all, {})));
  CHECK(fixture.files().empty());
  CHECK(fs::is_directory(fixture.bucket()));
}

TEST_CASE("directory store: a removal that fails names the first and goes on") {
  if (::geteuid() == 0) {
    WARN("skipped: root may remove everything");
    return;
  }
  DirectoryFixture fixture;
  for (std::string const key : {"a/1", "locked/1", "locked/2", "z/1"})
    test::must_put(fixture.store(), key, "x");
  fs::permissions(fixture.path("locked"), fs::perms::owner_read | fs::perms::owner_exec);
  auto const removed = fixture.store().remove_versions(test::versions_under(fixture.store(), ""), {});
  fs::permissions(fixture.path("locked"), fs::perms::owner_all);
  CHECK(condition_of(removed) == Condition::permission);
  CHECK(removed.error().message.find("locked/1") != std::string::npos);
  CHECK(removed.error().message.find("1 more") != std::string::npos);
  CHECK(test::list_names(fixture.store(), {}) == Names{"locked/1", "locked/2"});
}

TEST_CASE("directory store: puts and removals in one folder at once") {
  DirectoryFixture fixture;
  Store& store = fixture.store();
  std::atomic<bool> done{false};
  std::string remover_trouble;
  std::string trouble;
  auto const note = [](std::string& place, auto const& result) {
    if (!result && place.empty()) place = result.error().text();
  };
  {
    std::jthread const remover([&] {
      while (!done)
        note(remover_trouble, remove_all(store, "p/q/other", {}));
    });
    for (int i = 0; i < 1000; ++i) {
      note(trouble, test::put_text(store, "p/q/other", "x"));
      note(trouble, test::put_text(store, "p/q/own", "x"));
      note(trouble, store.head("p/q/own", {}));
      note(trouble, remove_all(store, "p/q/own", {}));
    }
    done = true;
  }
  CHECK(trouble == "");
  CHECK(remover_trouble == "");
}

TEST_CASE("directory store: copies are second names of the same file") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "p/1/file", "body");
  REQUIRE(ok(fixture.store().copy("p/1/file", "p/2/file", 4, {})));
  CHECK(fixture.store().traits().copy_is_free);
  CHECK(fs::hard_link_count(fixture.path("p/1/file")) == 2);
  REQUIRE(ok(fixture.store().copy("p/1/file", "p/2/file", 4, {})));  // over a name of the same file
  REQUIRE(ok(fixture.store().copy("p/1/file", "p/1/file", 4, {})));  // over itself
  CHECK(fs::hard_link_count(fixture.path("p/1/file")) == 2);
  CHECK(fixture.files() == Names{"p/", "p/1/", "p/1/file", "p/2/", "p/2/file"});
  CHECK(test::must_get(fixture.store(), "p/1/file") == "body");
}

TEST_CASE("directory store: a copy is as young as its folder, not as old as its source") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "p/1/file", "body");
  timespec const old[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, fixture.path("p/1/file").c_str(), old, 0) == 0);
  auto const before = fixture.store().now({});
  REQUIRE(ok(before));
  REQUIRE(ok(fixture.store().copy("p/1/file", "p/2/file", 4, {})));
  CHECK(fixture.store().head("p/2/file", {})->modified >= *before - std::chrono::milliseconds(20));
  for (ObjectVersion const& version : test::versions_under(fixture.store(), "p/2/"))
    CHECK(version.modified >= *before - std::chrono::milliseconds(20));
  REQUIRE(ok(remove_all(fixture.store(), "p/2/file", {})));
  CHECK(fixture.store().head("p/1/file", {})->modified == TimePoint(std::chrono::seconds(1'000'000'000)));
}

TEST_CASE("directory store: a file that has all the names it can have is copied") {
  DirectoryFixture fixture;
  std::string const body = test::body_of(300'000, 9);
  test::must_put(fixture.store(), "source", body);
  fs::create_directory(fixture.root() + "/names");
  bool full = false;
  for (int i = 0; i < 70'000 && !full; ++i)
    full =
        ::link(fixture.path("source").c_str(), (fixture.root() + "/names/" + std::to_string(i)).c_str()) != 0;
  if (!full) {
    WARN("skipped: this file system allows more than 70,000 links to a file");
    return;
  }
  REQUIRE(ok(fixture.store().copy("source", "p/copy", body.size(), {})));
  CHECK((test::must_get(fixture.store(), "p/copy") == body));
  CHECK(fs::hard_link_count(fixture.path("p/copy")) == 1);
  CHECK(fixture.mode("p/copy") == 0600);
  CHECK(condition_of(fixture.store().copy("source", "p/wrong", body.size() + 1, {})) == Condition::changed);
  CHECK(fixture.files() == Names{"p/", "p/copy", "source"});
}

// RLIMIT_FSIZE and /dev/full cannot stand in for a full disk; the limit of a file's size takes the same way
// through the code.
TEST_CASE("directory store: a write that fails leaves nothing behind") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "kept", "old");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto const old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limited = before;
  limited.rlim_cur = 50'000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limited) == 0);
  auto const put = fixture.store().put("kept", test::LyingSource(300'000, 300'000), {});
  auto const reset = ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  REQUIRE(reset == 0);
  CHECK(condition_of(put) == Condition::io);
  CHECK(put.error().system_errno == EFBIG);
  CHECK(fixture.files() == Names{"kept"});
  CHECK(test::must_get(fixture.store(), "kept") == "old");
}

TEST_CASE("directory store: remove_unfinished takes what is old enough") {
  DirectoryFixture fixture;
  fixture.write_file("p/object", "x");
  fixture.write_file(".b2backupd-tmp/old", "half");
  fixture.write_file(".b2backupd-tmp/young", "half");
  auto const now = fixture.store().now({});
  REQUIRE(ok(now));
  time_t const old_time = std::chrono::floor<std::chrono::seconds>(*now).time_since_epoch().count() - 7200;
  timespec const old[2] = {{old_time, 0}, {old_time, 0}};
  REQUIRE(::utimensat(AT_FDCWD, fixture.path(".b2backupd-tmp/old").c_str(), old, 0) == 0);
  CHECK(*fixture.store().remove_unfinished("", 10'000, {}) == 0);
  CHECK(*fixture.store().remove_unfinished("p/", 3600, {}) == 1);
  CHECK(fixture.files() == Names{".b2backupd-tmp/young", "p/", "p/object"});
  CHECK(*fixture.store().remove_unfinished("", 0, {}) == 1);
  CHECK(fixture.files() == Names{"p/", "p/object"});
}

TEST_CASE("directory store: a temporary folder that vanishes is made again") {
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "a", "1");
  fs::remove_all(fixture.path(".b2backupd-tmp"));
  test::must_put(fixture.store(), "b", "2");
  fs::remove_all(fixture.path(".b2backupd-tmp"));
  REQUIRE(ok(fixture.store().copy("a", "c", 1, {})));
  fs::remove_all(fixture.path(".b2backupd-tmp"));
  CHECK(ok(fixture.store().now({})));
  CHECK(*fixture.store().remove_unfinished("", 0, {}) == 0);
}

TEST_CASE("directory store: a folder that may not be read is an error, not an empty one") {
  if (::geteuid() == 0) {
    WARN("skipped: root may read everything");
    return;
  }
  DirectoryFixture fixture;
  test::must_put(fixture.store(), "a/1", "x");
  test::must_put(fixture.store(), "b/1", "x");
  fs::permissions(fixture.path("a"), fs::perms::none);
  auto const listed = fixture.store().list({}, [](auto const&) { return true; }, {});
  auto const head = fixture.store().head("a/1", {});
  fs::permissions(fixture.path("a"), fs::perms::owner_all);
  CHECK(condition_of(listed) == Condition::permission);
  CHECK(condition_of(head) == Condition::permission);
}

TEST_CASE("directory store: a store that can only be read tells the time") {
  if (::geteuid() == 0) {
    WARN("skipped: root may write everywhere");
    return;
  }
  DirectoryFixture fixture;
  fs::permissions(fixture.bucket(), fs::perms::owner_read | fs::perms::owner_exec);
  fixture.reopen();
  auto const now = fixture.store().now({});
  auto const put = test::put_text(fixture.store(), "a", "x");
  fs::permissions(fixture.bucket(), fs::perms::owner_all);
  REQUIRE(ok(now));
  CHECK(condition_of(put) == Condition::permission);
}
