#include "core/watch/changes.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

TimePoint const noon{1'750'000'000s};

}  // namespace

TEST_CASE("distinct paths are kept, with the first and the last time") {
  ChangeSet changes;
  CHECK(changes.empty());
  CHECK(changes.count_text() == "nothing");
  CHECK_FALSE(changes.first_change());
  changes.add("a", noon + 5s);
  changes.add("b", noon + 1s);  // a clock that was set back
  changes.add("a", noon + 9s);
  CHECK(changes.paths() == std::set<std::string, std::less<>>{"a", "b"});
  CHECK(changes.first_change() == noon + 1s);
  CHECK(changes.last_change() == noon + 9s);
  CHECK(changes.count_text() == "2 files");
  CHECK(changes.complete());
}

TEST_CASE("beyond the bound, changes only count") {
  ChangeSet changes;
  for (std::size_t i = 0; i < ChangeSet::max_paths; ++i)
    changes.add(std::to_string(i), noon);
  CHECK(changes.complete());
  changes.add("7", noon + 1s);
  CHECK(changes.complete());
  changes.add("one more", noon + 2s);
  CHECK_FALSE(changes.complete());
  CHECK(changes.not_kept() == 1);
  CHECK(changes.paths().size() == ChangeSet::max_paths);
  CHECK(changes.last_change() == noon + 2s);
  CHECK(changes.count_text() == "4096 files and more");
}

TEST_CASE("long paths reach the bound of bytes first") {
  ChangeSet changes;
  for (int i = 0; i < 1000; ++i)
    changes.add(std::to_string(i) + std::string(4000, 'x'), noon);
  std::size_t bytes = 0;
  for (auto const& path : changes.paths())
    bytes += path.size();
  CHECK(bytes <= ChangeSet::max_path_bytes);
  CHECK(bytes > ChangeSet::max_path_bytes - 4100);
  CHECK(changes.paths().size() + changes.not_kept() == 1000);
}

TEST_CASE("an unknown change is a change") {
  ChangeSet changes;
  changes.add_unknown(noon);
  CHECK_FALSE(changes.empty());
  CHECK_FALSE(changes.complete());
  CHECK(changes.first_change() == noon);
  CHECK(changes.count_text() == "an unknown number of files");
}

TEST_CASE("what is taken is gone, and can be given back") {
  ChangeSet changes;
  changes.add("a", noon);
  changes.add("b", noon + 3s);
  auto const taken = changes.take();
  CHECK(changes.empty());
  CHECK(changes.paths().empty());
  CHECK(changes.complete());
  CHECK(taken.paths().size() == 2);
  changes.add("c", noon + 10s);
  changes.add_all(taken);
  CHECK(changes.paths().size() == 3);
  CHECK(changes.first_change() == noon);
  CHECK(changes.last_change() == noon + 10s);
  changes.add_all(ChangeSet());
  CHECK(changes.first_change() == noon);
  changes.clear();
  CHECK(changes.empty());

  ChangeSet unknown;
  unknown.add_unknown(noon);
  changes.add_all(unknown);
  CHECK(changes.unknown());
}

TEST_CASE("times of before the clock was set back become the present") {
  ChangeSet changes;
  changes.clock_is(noon);
  CHECK(changes.empty());
  changes.add("a", noon);
  changes.add("b", noon + 1h);
  changes.clock_is(noon + 2h);
  CHECK(changes.last_change() == noon + 1h);
  changes.clock_is(noon + 30min);
  CHECK(changes.first_change() == noon);
  CHECK(changes.last_change() == noon + 30min);
  changes.clock_is(noon - 24h);
  CHECK(changes.first_change() == noon - 24h);
  CHECK(changes.last_change() == noon - 24h);
}
