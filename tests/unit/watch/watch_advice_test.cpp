#include "core/watch/watch_advice.h"

#include <cerrno>

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("the advised limit holds all that is missing") {
  auto const state = too_few_watches(ENOSPC, 100'000, 108'000, 8192);
  CHECK(state.kind == WatchState::Kind::degraded);
  CHECK(state.reason.find("100000 of 108000 directories") != std::string::npos);
  CHECK(state.advice.find("fs.inotify.max_user_watches=327680 ") != std::string::npos);  // 108,000 + 200,000, rounded up
  CHECK(state.advice.find("/etc/sysctl.d/") != std::string::npos);
}

TEST_CASE("other refusals are named, without a setting that would not help") {
  auto const state = too_few_watches(ENOMEM, 1, 2, 8192);
  CHECK(state.reason.find("memory") != std::string::npos);
  CHECK(state.advice.empty());
  CHECK(no_watches(ENOSYS, 0).advice.empty());
}

TEST_CASE("too few instances name their own setting") {
  CHECK(no_watches(EMFILE, 128).advice.find("fs.inotify.max_user_instances=512 ") != std::string::npos);
  CHECK(no_watches(EMFILE, 1024).advice.find("fs.inotify.max_user_instances=2048 ") != std::string::npos);
  CHECK(no_watches(EMFILE, 0).reason.find("(now") == std::string::npos);
}
