// What happens when the system refuses: watches, instances, permissions.
#include "watched.h"

using namespace b2b;
using namespace b2b::test;
using Kind = WatchState::Kind;

TEST_CASE("out of watches: the rest is polled, and the setting is named") {
  Watched w;
  for (auto const* path : {"a/b/c", "d/e", "f"})
    w.make(path);
  w.write("d/e/file");
  w.system.most_watches = 4;  // the directory above, the root, and two more
  w.start();
  REQUIRE(w.state().kind == Kind::degraded);
  CHECK(w.state().reason.find("4 of 7 directories are polled") != std::string::npos);
  CHECK(w.state().reason.find("4 more are needed") != std::string::npos);
  CHECK(w.state().reason.find("fs.inotify.max_user_watches (now 8192)") != std::string::npos);
  CHECK(w.state().advice.find("sysctl fs.inotify.max_user_watches=65536") != std::string::npos);

  w.write("a/watched");
  CHECK(w.reported("a/watched"));
  w.write("d/e/file");
  CHECK(w.reported("d/e"));  // by its directory
  w.write("f/new");
  CHECK(w.reported("f"));
  CHECK(w.desynced.empty());
}

TEST_CASE("a directory made when there are no more watches is polled, with what is made in it later") {
  Watched w;
  w.system.most_watches = 2;
  w.start();
  CHECK(w.state().kind == Kind::healthy);
  w.make("a/b");
  REQUIRE(w.until([&] { return w.state().kind == Kind::degraded; }));
  CHECK(w.changed.contains("a"));
  REQUIRE(w.until([&] { return w.changed.contains("a/b"); }));
  w.changed.clear();
  w.write("a/b/file");
  CHECK(w.reported("a/b"));

  w.remove("a");
  REQUIRE(w.until([&] { return w.state().kind == Kind::healthy; }));
}

TEST_CASE("watches that become available are taken, and no change is lost over it") {
  Watched w;
  for (auto const* path : {"a/b", "c"})
    w.make(path);
  w.system.most_watches = 2;
  w.start();
  REQUIRE(w.state().kind == Kind::degraded);
  w.system.most_watches = 100;
  w.write("a/b/file");
  REQUIRE(w.until([&] { return w.state().kind == Kind::healthy; }));
  CHECK((w.changed.contains("a/b/file") || w.changed.contains("a/b")));
  w.changed.clear();
  w.write("a/b/second");
  CHECK(w.reported("a/b/second"));
}

TEST_CASE("polling rounds that find nothing report nothing") {
  Watched w;
  w.make("a/b");
  w.system.most_watches = 2;
  w.start();
  for (int rounds = 0; rounds < 10; ++rounds) {
    w.context.restart();
    w.context.run_one_for(std::chrono::milliseconds(100));
  }
  CHECK(w.changed.empty());
  CHECK(w.states.size() == 1);
}

TEST_CASE("a round of polling that is due while one is under way does not begin it again") {
  Watched w;
  constexpr std::size_t directories = 400;  // several steps
  w.make("d");
  w.system.most_watches = 2;
  // The scan asks for what is in a directory when it looks at that. With a round under way, the time of the next one comes.
  std::vector<std::string> asked;
  w.options.poll_interval = std::chrono::milliseconds(50);
  w.options.may_skip_directory = [&](std::string_view path) {
    bool const deep = path.ends_with("/sub");
    if (asked.empty() && deep) {
      auto const end = system_clock().monotonic() + 2 * w.options.poll_interval;
      while (system_clock().monotonic() < end) {
      }
    }
    if (deep) asked.emplace_back(path);
    return false;
  };
  w.start();
  REQUIRE(w.state().kind == Kind::degraded);
  for (std::size_t i = 0; i < directories; ++i) w.make("new/n" + std::to_string(i) + "/sub");
  REQUIRE(w.until([&] { return asked.size() >= directories; }));
  std::set<std::string> first_round;
  for (std::size_t i = 0; i < directories; ++i) first_round.insert(asked[i]);
  CHECK(first_round.size() == directories);
}

TEST_CASE("no inotify instance to be had: the tree is polled until there is one") {
  Watched w;
  w.make("a");
  w.system.open_error = EMFILE;
  w.start();
  REQUIRE(w.state().kind == Kind::degraded);
  CHECK(w.state().advice.find("sysctl fs.inotify.max_user_instances=512") != std::string::npos);
  w.write("a/file");
  CHECK(w.reported("a"));

  w.remove("");
  REQUIRE(w.until([&] { return w.state().kind == Kind::gone; }));
  w.make("a");
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  CHECK(w.state().kind == Kind::degraded);

  w.desynced.clear();
  w.system.open_error = 0;
  REQUIRE(w.until([&] { return w.state().kind == Kind::healthy; }));
  CHECK(w.desynced == std::vector<std::string>{"watching has become possible"});
  w.write("a/second");
  CHECK(w.reported("a/second"));
}

TEST_CASE("a directory that may not be read is left out, and watched once it may be") {
  Watched w;
  w.make("closed/b");
  w.system.unreadable = {w.root + "/closed"};
  w.start();
  CHECK(w.state().kind == Kind::healthy);
  w.system.unreadable.clear();
  REQUIRE(::rename((w.root + "/closed").c_str(), (w.root + "/open").c_str()) == 0);
  w.settle();
  w.changed.clear();
  w.write("open/b/file");
  CHECK(w.reported("open/b/file"));
}

TEST_CASE("a root that may not be watched is polled") {
  Watched w;
  w.make("a");
  w.system.unreadable = {w.root};
  w.start();
  CHECK(w.state().kind == Kind::degraded);
  CHECK(w.state().advice.empty());
  w.write("a/file");
  CHECK(w.reported("a"));
}
