// Events that a test cannot have for real.
#include "core/watch/inotify_tree.h"

#include <sys/inotify.h>

#include <cstring>
#include <map>

#include "core/util/encoding.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// Numbers instead of watches.
class PaperSystem final : public WatchSystem {
 public:
  std::map<std::string, int> watches;
  std::set<int> removed;
  int open() override { return 0; }
  int add(int, std::string const& path, std::uint32_t) override {
    if (!path_exists(path)) return -ENOENT;
    return watches.emplace(path, static_cast<int>(watches.size()) + 1).first->second;
  }
  void remove(int, int watch) override { removed.insert(watch); }
  std::uint64_t limit(std::string const&) override { return 0; }
};

std::vector<std::uint8_t> event(int watch, std::uint32_t mask, std::string const& name = "") {
  inotify_event head{watch, mask, 0, name.empty() ? 0 : static_cast<std::uint32_t>(name.size() / 16 * 16 + 16)};
  std::vector<std::uint8_t> out(sizeof(head) + head.len);
  std::memcpy(out.data(), &head, sizeof(head));
  std::memcpy(out.data() + sizeof(head), name.data(), name.size());
  return out;
}

struct Tree {
  Scratch scratch;
  PaperSystem system;
  std::set<std::string> changed;
  InotifyTree tree{system, scratch / "root", {}, [this](std::string const& path) { changed.insert(path); }};

  Tree() {
    REQUIRE(make_directories(scratch / "root/a/b"));
    REQUIRE(tree.attach(0));
    tree.work(100);
    REQUIRE(tree.pending() == 0);
    REQUIRE(tree.watched() == 3);
  }
  int watch(std::string const& path) { return system.watches.at(scratch / path); }
};

}  // namespace

TEST_CASE("an unmounted file system inside the tree asks for a rescan") {
  Tree t;
  CHECK(t.tree.handle(event(t.watch("root/a"), IN_UNMOUNT)).lost == "a file system was unmounted");
}

TEST_CASE("an unmounted root is looked at") {
  Tree t;
  auto const outcome = t.tree.handle(event(t.watch("root"), IN_UNMOUNT));
  CHECK(outcome.look_at_root);
  CHECK(outcome.lost.empty());
  CHECK_FALSE(t.tree.root_is_the_same());
}

TEST_CASE("a root whose watch the kernel took back is another one, though its number came back") {
  Tree t;
  CHECK(t.tree.root_is_the_same());
  CHECK(t.tree.handle(event(t.watch("root"), IN_IGNORED)).look_at_root);
  CHECK_FALSE(t.tree.root_is_the_same());
}

TEST_CASE("the directory above tells of the root's name only") {
  Tree t;
  CHECK_FALSE(t.tree.handle(event(t.watch(""), IN_CREATE, "other")).look_at_root);
  CHECK(t.tree.handle(event(t.watch(""), IN_MOVED_FROM | IN_ISDIR, "root")).look_at_root);
  CHECK(t.tree.handle(event(t.watch(""), IN_MOVE_SELF)).look_at_root);
  CHECK(t.changed.empty());
}

TEST_CASE("events that make no sense ask for a rescan") {
  Tree t;
  CHECK(t.tree.handle(event(-1, IN_Q_OVERFLOW)).lost.find("more changes at once") != std::string::npos);
  CHECK(t.tree.handle(event(999, IN_MODIFY, "x")).lost.find("not known") != std::string::npos);
  std::vector<std::uint8_t> const rubbish{1, 2, 3};
  CHECK_FALSE(t.tree.handle(rubbish).lost.empty());
  CHECK(t.tree.handle(event(t.watch("root"), IN_MODIFY, "x")).lost.empty());
}

TEST_CASE("late events of a directory that we gave up are no reason to rescan") {
  Tree t;
  int const below = t.watch("root/a/b");
  REQUIRE(remove_tree(t.scratch / "root/a"));
  CHECK(t.tree.handle(event(t.watch("root"), IN_DELETE | IN_ISDIR, "a")).lost.empty());
  CHECK(t.system.removed.contains(below));
  CHECK(t.tree.handle(event(below, IN_MODIFY, "late")).lost.empty());
  CHECK(t.tree.handle(event(below, IN_IGNORED)).lost.empty());
  CHECK_FALSE(t.tree.handle(event(below, IN_MODIFY, "later")).lost.empty());
  t.tree.work(10);
  CHECK(t.tree.watched() == 1);
}
