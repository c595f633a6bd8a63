#include "watched.h"

using namespace b2b;
using namespace b2b::test;
using Kind = WatchState::Kind;

TEST_CASE("a polled tree reports its changes and says that it is polled") {
  Watched w;
  w.make("a/b");
  w.watcher = make_polling_watcher(w.context.get_executor(), w.options, w.callbacks(), "this system has no watches");
  w.watcher->start();
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  CHECK(w.states == std::vector<WatchState>{{Kind::degraded, "this system has no watches", ""}});
  CHECK(w.changed.empty());
  w.write("a/b/file");
  CHECK(w.reported("a/b"));
  CHECK(w.changed == std::set<std::string>{"a/b"});

  w.desynced.clear();
  w.remove("");
  REQUIRE(w.until([&] { return w.state().kind == Kind::gone; }));
  w.make("a");
  REQUIRE(w.until([&] { return !w.desynced.empty(); }));
  CHECK(w.state().kind == Kind::degraded);

  w.watcher->stop();
  w.context.restart();
  w.context.run();  // nothing is left to wait for
}

TEST_CASE("a polling watcher may be destroyed by its callback") {
  Watched w;
  auto callbacks = w.callbacks();
  callbacks.desynced = [&](std::string const&) { w.watcher.reset(); };
  w.watcher = make_polling_watcher(w.context.get_executor(), w.options, callbacks, "a reason");
  w.watcher->start();
  w.context.run();
  CHECK_FALSE(w.watcher);
}
