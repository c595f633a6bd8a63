#include "core/watch/watch_table.h"

#include "core/util/path.h"

#include <algorithm>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

std::vector<int> sorted(std::vector<int> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

TEST_CASE("a tree is forgotten with what is below it, and nothing beside it") {
  WatchTable table;
  int number = 0;
  for (auto const* path : {"", "a", "a/b", "a/b/c", "a.txt", "a-b", "ab", "b"})
    CHECK(table.put(path, ++number) == -1);
  CHECK(sorted(table.erase_tree("a")) == std::vector<int>{2, 3, 4});
  CHECK(table.size() == 5);
  CHECK(table.path_of(2) == nullptr);
  CHECK(*table.path_of(7) == "ab");
  CHECK(table.erase_tree("missing").empty());
  CHECK(table.erase_tree("").size() == 5);
  CHECK(table.size() == 0);
}

TEST_CASE("what is below a directory that is itself unknown is forgotten, too") {
  WatchTable table;
  table.put("a/b", 1);
  CHECK(table.erase_tree("a") == std::vector<int>{1});
}

TEST_CASE("a number that appears under another path has moved; a path with another number lost the first") {
  WatchTable table;
  table.put("old", 1);
  CHECK(table.put("new", 1) == -1);
  CHECK_FALSE(table.contains("old"));
  CHECK(*table.path_of(1) == "new");
  CHECK(table.put("new", 1) == -1);
  CHECK(table.put("new", 2) == 1);
  CHECK(table.path_of(1) == nullptr);
  CHECK(table.erase(2));
  CHECK_FALSE(table.erase(2));
  CHECK(table.size() == 0);
}

TEST_CASE("below means below") {
  CHECK(is_at_or_below("a/b", ""));
  CHECK(is_at_or_below("", ""));
  CHECK(is_at_or_below("a", "a"));
  CHECK(is_at_or_below("a/b", "a"));
  CHECK_FALSE(is_at_or_below("ab", "a"));
  CHECK_FALSE(is_at_or_below("a", "a/b"));
}
