#include "core/util/nearest.h"

#include <vector>

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("edit distance: each kind of slip costs one") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "push") == 4);
  CHECK(edit_distance("push", "push") == 0);
  CHECK(edit_distance("pusch", "push") == 1);
  CHECK(edit_distance("psh", "push") == 1);
  CHECK(edit_distance("pash", "push") == 1);
  CHECK(edit_distance("psuh", "push") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("nearest word: what is likely to be meant, and nothing when nothing is") {
  std::vector<std::string> const verbs{"push", "snapshots", "restore", "prune", "status", "verify", "config"};
  CHECK(nearest_word("pusch", verbs) == "push");
  CHECK(nearest_word("snapshot", verbs) == "snapshots");
  CHECK(nearest_word("snap", verbs) == "snapshots");
  CHECK(nearest_word("Restore", verbs) == "restore");
  CHECK(nearest_word("resotre", verbs) == "restore");
  CHECK(nearest_word("verfy", verbs) == "verify");
  CHECK(nearest_word("ls", verbs).empty());
  CHECK(nearest_word("frobnicate", verbs).empty());
  CHECK(nearest_word("", verbs).empty());
  CHECK(nearest_word(std::string(100'000, 'p'), verbs).empty());
  CHECK(nearest_word("push", {}).empty());
}
