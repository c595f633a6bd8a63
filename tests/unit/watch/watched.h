// A watcher on a scratch directory, stepped by hand, and what it reported.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/util/clock.h"
#include "core/util/file.h"
#include "core/watch/inotify.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

namespace b2b::test {

// The real system with limits of our own.
class LimitedSystem final : public WatchSystem {
 public:
  int most_watches = 1 << 30;  // then ENOSPC, as from the kernel; a watch that exists is returned all the same
  int open_error = 0;
  std::set<std::string> unreadable;  // EACCES
  int opened = 0;

  int open() override {
    ++opened;
    if (open_error != 0) return -open_error;
    watches_.clear();
    return real_watch_system().open();
  }
  int add(int fd, std::string const& path, std::uint32_t mask) override {
    if (unreadable.contains(path)) return -EACCES;
    int const watch = real_watch_system().add(fd, path, mask);
    if (watch < 0 || watches_.contains(watch)) return watch;
    if (static_cast<int>(watches_.size()) >= most_watches) {
      real_watch_system().remove(fd, watch);
      return -ENOSPC;
    }
    watches_.insert(watch);
    return watch;
  }
  void remove(int fd, int watch) override {
    watches_.erase(watch);
    real_watch_system().remove(fd, watch);
  }
  std::uint64_t limit(std::string const& name) override { return name == "max_user_watches" ? 8192 : 128; }

 private:
  std::set<int> watches_;
};

struct Watched {
  using Kind = WatchState::Kind;

  Scratch scratch;
  std::string root = scratch / "parent/root";
  LimitedSystem system;
  boost::asio::io_context context{1};
  std::set<std::string> changed;
  std::vector<std::string> desynced;
  std::vector<WatchState> states;
  WatchOptions options;
  std::unique_ptr<Watcher> watcher;

  Watched() {
    REQUIRE(make_directories(root));
    options.root = root;
    options.may_skip_directory = [](std::string_view path) { return base_name(path) == "cache"; };
    options.poll_interval = std::chrono::milliseconds(20);
    options.rest = std::chrono::milliseconds(1);
  }
  WatchCallbacks callbacks() {
    return {[this](std::string const& path) { changed.insert(path); },
            [this](std::string const& reason) { desynced.push_back(reason); },
            [this](WatchState const& state) { states.push_back(state); }};
  }
  void start() {
    watcher = make_inotify_watcher(context.get_executor(), options, callbacks(), system);
    watcher->start();
    REQUIRE(until([&] { return !desynced.empty(); }));
    desynced.clear();
    changed.clear();
  }

  // Steps the context until it holds; false: not within the time.
  template <class Condition>
  bool until(Condition holds, std::chrono::seconds limit = std::chrono::seconds(20)) {
    auto const end = system_clock().monotonic() + limit;
    while (!holds()) {
      if (system_clock().monotonic() > end) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }
  // All that happened up to now has been reported (events come in order).
  void settle() {
    std::string const marker = "settle-" + std::to_string(++markers_);
    write(marker);
    auto const losses = desynced.size();
    REQUIRE(until([&] { return changed.contains(marker) || desynced.size() > losses; }));
    context.restart();
    while (context.poll_one() > 0) {
    }
    REQUIRE(::remove((root + "/" + marker).c_str()) == 0);
  }
  bool reported(std::string const& path) {
    return until([&] { return changed.contains(path); });
  }
  WatchState state() const { return states.empty() ? WatchState{} : states.back(); }

  void write(std::string const& path, std::string const& content = "x") const {
    std::ofstream out(root + "/" + path, std::ios::app);
    out << content;
    out.close();
    INFO(path);
    REQUIRE(out);
  }
  void make(std::string const& path) const { REQUIRE(make_directories(root + "/" + path)); }
  void move(std::string const& from, std::string const& to) const {
    INFO(from << " to " << to);
    REQUIRE(::rename((root + "/" + from).c_str(), (root + "/" + to).c_str()) == 0);
  }
  void remove(std::string const& path) const { REQUIRE(remove_tree(root + "/" + path)); }

 private:
  int markers_ = 0;
};

}  // namespace b2b::test
