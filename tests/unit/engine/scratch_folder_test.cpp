#include "core/engine/scratch_folder.h"

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using b2b::test::Scratch;

TEST_CASE("what a killed job left is removed by the next one, and what another one is at work with is not") {
  Scratch const place;
  // As after a kill: the folder is there, with what had been fetched, and nobody holds it.
  REQUIRE(make_directories(place / "scratch-abc123/packs-1"));
  REQUIRE(atomic_write_file(place / "scratch-abc123/packs-1/pack", "sixteen megabytes"));
  REQUIRE(make_directories(place / "spool"));
  std::string gone;
  {
    auto const held = ScratchFolder::create(place.path());
    REQUIRE(held);
    CHECK_FALSE(path_exists(place / "scratch-abc123"));
    REQUIRE(atomic_write_file(join_path(held->path(), "body"), "x"));
    auto const other = ScratchFolder::create(place.path());
    REQUIRE(other);
    CHECK(other->path() != held->path());
    CHECK(path_exists(join_path(held->path(), "body")));
    gone = held->path();
  }
  CHECK_FALSE(path_exists(gone));
  CHECK(path_exists(place / "spool"));
}

TEST_CASE("a scratch folder that moves is still held, until its last owner goes") {
  Scratch const place;
  std::string path;
  {
    auto made = ScratchFolder::create(place.path());
    REQUIRE(made);
    std::optional<ScratchFolder> const owner(std::move(*made));
    path = owner->path();
    REQUIRE(ScratchFolder::create(place.path()));
    CHECK(path_exists(path));
  }
  CHECK_FALSE(path_exists(path));
}

TEST_CASE("only folders are taken for abandoned scratch, and a link is not followed") {
  Scratch const place;
  REQUIRE(make_directories(place / "precious"));
  std::filesystem::create_directory_symlink(place / "precious", place / "scratch-link");
  REQUIRE(atomic_write_file(place / "scratch-file", "x"));
  REQUIRE(ScratchFolder::create(place.path()));
  CHECK(path_exists(place / "precious"));
  CHECK(path_exists(place / "scratch-link"));
  CHECK(path_exists(place / "scratch-file"));
  CHECK_FALSE(ScratchFolder::create(place / "nowhere"));
}

TEST_CASE("jobs that begin at the same time do not take each other's scratch") {
  Scratch const place;
  std::atomic<int> lost = 0;
  std::vector<std::jthread> jobs;
  for (int job = 0; job < 4; ++job)
    jobs.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        auto const scratch = ScratchFolder::create(place.path());
        if (!scratch || !atomic_write_file(join_path(scratch->path(), "body"), "x")) ++lost;
      }
    });
  jobs.clear();
  CHECK(lost == 0);
  CHECK(std::filesystem::is_empty(place.path()));
}
