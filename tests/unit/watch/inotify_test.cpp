// Real inotify on a scratch directory. What cannot be had for real (limits, unmounting) is in inotify_limits_test.cpp and
// inotify_tree_test.cpp.
#include "core/watch/inotify.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "watched.h"

using namespace b2b;
using namespace b2b::test;
using Kind = WatchState::Kind;

TEST_CASE("the start says that all is watched, and asks for one scan") {
  Watched w;
  w.make("a/b");
  w.watcher = make_watcher(w.context.get_executor(), w.options, w.callbacks());
  w.watcher->start();
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  CHECK(w.states == std::vector<WatchState>{WatchState{}});
  CHECK(w.desynced.size() == 1);
  CHECK(w.changed.empty());
}

TEST_CASE("files that are made, written, removed, moved or get another mode are named") {
  Watched w;
  w.make("a/b");
  for (auto const* name : {"a/write", "a/remove", "a/from", "a/b/mode"})
    w.write(name);
  w.start();
  w.write("new");
  w.write("a/write");
  w.remove("a/remove");
  w.move("a/from", "a/b/to");
  REQUIRE(::chmod((w.root + "/a/b/mode").c_str(), 0600) == 0);
  w.settle();
  w.changed.erase("settle-1");
  CHECK(w.changed == std::set<std::string>{"new", "a/write", "a/remove", "a/from", "a/b/to", "a/b/mode"});
  CHECK(w.desynced.empty());
}

TEST_CASE("opening, reading and closing a file, even for writing, is no change") {
  Watched w;
  w.write("database");
  w.start();
  int const fd = ::open((w.root + "/database").c_str(), O_RDWR | O_CLOEXEC);
  char byte = 0;
  CHECK(::read(fd, &byte, 1) == 1);
  ::close(fd);
  w.settle();
  CHECK(w.changed == std::set<std::string>{"settle-1"});
}

TEST_CASE("directories made in a hurry lose no file") {
  Watched w;
  w.start();
  for (int round = 0; round < 200; ++round) {
    std::string const top = "n" + std::to_string(round);
    std::set<std::string> made;
    std::thread maker([&] {
      std::string path = top;
      for (char const* level : {"", "/a", "/b", "/c", "/d"}) {
        path += level;
        ::mkdir((w.root + "/" + path).c_str(), 0700);
        std::ofstream(w.root + "/" + path + "/file") << "x";
        made.insert(path + "/file");
      }
    });
    w.reported(top);  // runs against the maker
    maker.join();
    w.settle();
    for (auto const& path : made) {
      INFO("round " << round << ", " << path);
      REQUIRE(w.changed.contains(path));
    }
    w.changed.clear();
    w.write(top + "/a/b/c/d/late");
    w.settle();
    REQUIRE(w.changed.contains(top + "/a/b/c/d/late"));
    if (round % 20 == 19) w.remove(top);
  }
  CHECK(w.desynced.empty());
}

TEST_CASE("a renamed directory is watched under its new name, with what is in it") {
  Watched w;
  w.make("a/x/y");
  w.make("b");
  w.start();
  w.move("a/x", "b/z");
  w.settle();
  CHECK(w.changed.contains("a/x"));
  CHECK(w.changed.contains("b/z"));
  w.changed.clear();
  w.write("b/z/y/file");
  w.settle();
  CHECK(w.changed.contains("b/z/y/file"));
  CHECK_FALSE(w.changed.contains("a/x/y/file"));
}

TEST_CASE("a directory that moves away and back stands for what changed in it meanwhile") {
  Watched w;
  w.make("a/deep");
  w.write("a/deep/file");
  w.start();
  w.move("a", "b");
  w.remove("b/deep/file");
  w.move("b", "a");
  w.settle();
  // The same directory as before, and the file is not named: its event came from a watch that the move had ended.
  CHECK(w.changed == std::set<std::string>{"a", "a/deep", "b", "settle-1"});
  w.changed.clear();
  w.write("a/deep/file");
  w.settle();
  CHECK(w.changed.contains("a/deep/file"));
  CHECK(w.desynced.empty());
}

TEST_CASE("a directory that moves out of the tree is no longer watched, one that moves in is") {
  Watched w;
  w.make("leaves/deep");
  REQUIRE(make_directories(w.scratch / "comes/deep"));
  std::ofstream(w.scratch / "comes/deep/old") << "x";
  w.start();
  w.move("leaves", "../../left");
  w.move("../../comes", "came");
  w.settle();
  CHECK(w.changed.contains("leaves"));
  CHECK(w.changed.contains("came/deep/old"));
  w.changed.clear();
  std::ofstream(w.scratch / "left/deep/file") << "x";
  w.write("came/deep/file");
  w.settle();
  CHECK(w.changed.contains("came/deep/file"));
  CHECK_FALSE(w.changed.contains("leaves/deep/file"));
}

TEST_CASE("two directories that swap their names in one step stay watched") {
  Watched w;
  w.make("a/only-a");
  w.make("b/only-b");
  w.start();
  if (::renameat2(AT_FDCWD, (w.root + "/a").c_str(), AT_FDCWD, (w.root + "/b").c_str(), RENAME_EXCHANGE) != 0) {
    WARN("SKIPPED: this file system cannot swap names");
    return;
  }
  w.settle();
  w.changed.clear();
  w.write("a/only-b/file");
  w.write("b/only-a/file");
  w.settle();
  CHECK(w.changed.contains("a/only-b/file"));
  CHECK(w.changed.contains("b/only-a/file"));
}

TEST_CASE("a directory that is removed and made again is watched again") {
  Watched w;
  w.make("a/b");
  w.start();
  for (int round = 0; round < 50; ++round) {
    w.remove("a");
    w.make("a/b");
    if (round % 3 == 0) w.settle();
  }
  w.settle();
  w.changed.clear();
  w.write("a/b/file");
  w.settle();
  CHECK(w.changed.contains("a/b/file"));
}

TEST_CASE("skipped directories and our own folder are left alone") {
  Watched w;
  w.make("cache/deep");
  w.make("a/cache");
  w.make("b2backupd");
  w.make("a/b2backupd");
  w.start();
  for (auto const* path : {"cache/x", "cache/deep/x", "a/cache/x", "b2backupd/lock", "a/b2backupd/x"})
    w.write(path);
  w.remove("cache/deep");
  w.make("a/b2backupd/cache/y");
  w.remove("b2backupd");
  w.make("b2backupd");
  w.settle();
  CHECK(w.changed == std::set<std::string>{"a/b2backupd/x", "settle-1"});
}

TEST_CASE("a symlink to a directory is named and not followed") {
  Watched w;
  REQUIRE(make_directories(w.scratch / "elsewhere"));
  REQUIRE(::symlink((w.scratch / "elsewhere").c_str(), (w.root + "/link").c_str()) == 0);
  w.start();
  REQUIRE(::symlink((w.scratch / "elsewhere").c_str(), (w.root + "/second").c_str()) == 0);
  w.settle();
  std::ofstream(w.scratch / "elsewhere/file") << "x";
  w.settle();
  CHECK(w.changed == std::set<std::string>{"second", "settle-1", "settle-2"});
}

TEST_CASE("a root that is a symlink is followed") {
  Watched w;
  w.make("a");
  REQUIRE(::symlink(w.root.c_str(), (w.scratch / "link").c_str()) == 0);
  w.options.root = w.scratch / "link/";
  w.start();
  w.write("a/file");
  CHECK(w.reported("a/file"));
}

TEST_CASE("a root that is removed is gone, and watched again when it is made again") {
  Watched w;
  w.make("a");
  w.start();
  for (int round = 0; round < 3; ++round) {
    w.remove("");
    REQUIRE(w.until([&] { return w.state().kind == Kind::gone; }));
    CHECK(w.state().reason.find(w.root) != std::string::npos);
    CHECK(w.desynced.empty());
    w.make("a");
    REQUIRE(w.until([&] { return !w.desynced.empty(); }));
    CHECK(w.state().kind == Kind::healthy);
    w.desynced.clear();
    w.write("a/file" + std::to_string(round));
    CHECK(w.reported("a/file" + std::to_string(round)));
  }
}

TEST_CASE("a root that is back before anybody looked is said to have been gone") {
  Watched w;
  w.make("a");
  w.start();
  w.states.clear();
  w.remove("");
  w.make("a");
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  REQUIRE(w.states.size() == 2);
  CHECK(w.states[0].kind == Kind::gone);
  CHECK(w.states[1].kind == Kind::healthy);
  w.write("a/file");
  CHECK(w.reported("a/file"));
}

TEST_CASE("a root that a rename replaces is noticed") {
  Watched w;
  std::string const parent = w.scratch / "parent";
  w.make("../new/fresh");
  w.start();
  REQUIRE(::rename(w.root.c_str(), (parent + "/old").c_str()) == 0);
  REQUIRE(::rename((parent + "/new").c_str(), w.root.c_str()) == 0);
  REQUIRE(w.until([&] { return !w.desynced.empty() && w.state().kind == Kind::healthy; }));
  w.write("fresh/file");
  CHECK(w.reported("fresh/file"));
  w.changed.clear();
  w.write("../old/file");
  w.settle();
  CHECK_FALSE(w.changed.contains("file"));
}

TEST_CASE("a root that is missing at the start, with the directory above it, is found when it comes") {
  Watched w;
  REQUIRE(remove_tree(w.scratch / "parent"));
  w.watcher = make_watcher(w.context.get_executor(), w.options, w.callbacks());
  w.watcher->start();
  REQUIRE(w.until([&] { return w.state().kind == Kind::gone && !w.states.empty(); }));
  CHECK(w.desynced.empty());
  w.make("a");
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  CHECK(w.state().kind == Kind::healthy);
}

TEST_CASE("more changes than the kernel keeps lead to a rescan, and nothing is missed after it") {
  auto const queue = real_watch_system().limit("max_queued_events");
  if (queue == 0 || queue > 200'000) {
    WARN("SKIPPED: fs.inotify.max_queued_events is " << queue);
    return;
  }
  Watched w;
  w.make("a");
  w.start();
  int const one = ::open((w.root + "/one").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  int const two = ::open((w.root + "/two").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  for (std::uint64_t i = 0; i < queue; ++i) {  // by turns: the kernel merges equal events in a row
    REQUIRE(::write(one, "x", 1) == 1);
    REQUIRE(::write(two, "x", 1) == 1);
  }
  ::close(one);
  ::close(two);
  w.make("a/unseen");
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  CHECK(w.desynced.front().find("more changes at once") != std::string::npos);
  CHECK(w.state().kind == Kind::healthy);
  w.write("a/unseen/file");
  CHECK(w.reported("a/unseen/file"));
  CHECK(w.desynced.size() == 1);
}

TEST_CASE("nothing wakes up while nothing changes") {
  Watched w;
  w.make("a/b");
  w.start();
  w.settle();
  w.context.restart();
  while (w.context.run_one_for(std::chrono::milliseconds(100)) > 0) {
  }
  CHECK(w.context.run_one_for(std::chrono::milliseconds(400)) == 0);
}

TEST_CASE("a callback may stop the watcher, or destroy it, and hears no more") {
  Watched w;
  bool const destroys = GENERATE(false, true);
  int calls = 0;
  auto callbacks = w.callbacks();
  callbacks.changed = [&](std::string const&) {
    ++calls;
    if (destroys)
      w.watcher.reset();
    else
      w.watcher->stop();
  };
  w.watcher = make_watcher(w.context.get_executor(), w.options, callbacks);
  w.watcher->start();
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  w.write("one");
  w.write("two");
  REQUIRE(w.until([&] { return calls > 0; }));
  w.context.restart();
  w.context.run();  // nothing is left to wait for
  CHECK(calls == 1);
}
