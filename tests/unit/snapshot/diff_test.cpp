#include "core/snapshot/diff.h"

#include <map>
#include <random>

#include "core/snapshot/load.h"
#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

class Two {
  Scratch scratch_;  // goes last

 public:
  Catalog before = Catalog::create(scratch_ / "before").value();
  Catalog after = Catalog::create(scratch_ / "after").value();

  static void put(Catalog& catalog, Entry const& entry) {
    CatalogEntry row;
    row.entry = entry;
    REQUIRE(catalog.put(row).has_value());
  }
  std::vector<Difference> differences() {
    std::vector<Difference> out;
    REQUIRE(diff_catalogs(before, after, [&](Difference&& difference) -> Result<void> {
              out.push_back(std::move(difference));
              return {};
            }).has_value());
    return out;
  }
};

// The one difference between two entries of the same path; nullopt: none.
std::optional<Change> change_between(Entry const& before, Entry const& after) {
  Two two;
  Two::put(two.before, before);
  Two::put(two.after, after);
  auto const found = two.differences();
  REQUIRE(found.size() <= 1);
  if (found.empty()) return std::nullopt;
  return found[0].change;
}

template <class Edit>
std::optional<Change> after_edit(Entry const& before, Edit edit) {
  Entry after = before;
  edit(after);
  return change_between(before, after);
}

}  // namespace

TEST_CASE("added, deleted and changed, in path order") {
  Two two;
  Two::put(two.before, file_entry("b", "gone"));
  Two::put(two.before, file_entry("c", "old"));
  Two::put(two.before, file_entry("d", "same"));
  Two::put(two.before, other_entry(EntryType::directory, "z"));
  Two::put(two.after, file_entry("a", "new"));
  Two::put(two.after, file_entry("c", "new"));
  Two::put(two.after, file_entry("d", "same"));
  auto const found = two.differences();
  REQUIRE(found.size() == 4);
  CHECK(found[0].change == Change::added);
  CHECK(found[0].after.entry.path == "a");
  CHECK(found[0].before.entry.path.empty());
  CHECK(found[1].change == Change::deleted);
  CHECK(found[1].before.entry.path == "b");
  CHECK(found[2].change == Change::content);
  CHECK(found[2].before.entry.hash == sha256("old"));
  CHECK(found[2].after.entry.hash == sha256("new"));
  CHECK(found[3].change == Change::deleted);
  CHECK(found[3].before.entry.path == "z");
}

TEST_CASE("what counts as a difference") {
  Entry const file = file_entry("x");
  CHECK_FALSE(after_edit(file, [](Entry&) {}));
  CHECK(after_edit(file, [](Entry& e) { e.hash = sha256("other"); }) == Change::content);
  CHECK(after_edit(file, [](Entry& e) { e.size += 1; }) == Change::content);
  CHECK(after_edit(file, [](Entry& e) { e.mode = 0600; }) == Change::metadata);
  CHECK(after_edit(file, [](Entry& e) { e.uid = 0; }) == Change::metadata);
  CHECK(after_edit(file, [](Entry& e) { e.gid = 0; }) == Change::metadata);
  CHECK(after_edit(file, [](Entry& e) { e.mtime_ns += 1; }) == Change::metadata);
  CHECK(after_edit(file, [](Entry& e) { e.xattrs["user.a"] = "1"; }) == Change::metadata);
  CHECK(after_edit(file, [](Entry& e) { e.hard_link_of = "y"; }) == Change::metadata);
  CHECK_FALSE(after_edit(file, [](Entry& e) { e.stat.inode = 5; }));
  CHECK_FALSE(after_edit(file, [](Entry& e) { e.has_metadata = false, e.mode = 0, e.mtime_ns = 0; }));
  CHECK(after_edit(file, [](Entry& e) { e.has_metadata = false, e.hash = sha256("other"); }) ==
        Change::content);

  Entry const directory = other_entry(EntryType::directory, "x");
  CHECK_FALSE(after_edit(directory, [](Entry& e) { e.mtime_ns += 1; }));
  CHECK(after_edit(directory, [](Entry& e) { e.mode = 0700; }) == Change::metadata);
  Entry const link = other_entry(EntryType::symlink, "x", "t");
  CHECK(after_edit(link, [](Entry& e) { e.target = "u"; }) == Change::content);
  CHECK(after_edit(link, [](Entry& e) { e.mtime_ns += 1; }) == Change::metadata);
  CHECK(change_between(file, directory) == Change::content);
  CHECK(change_between(link, file) == Change::content);
}

TEST_CASE("against a plugin's snapshot only files count") {
  Two two;
  Entry theirs = file_entry("a");
  theirs.has_metadata = false;
  Two::put(two.before, theirs);
  REQUIRE(two.before.set_meta(files_only_meta, "1").has_value());
  Two::put(two.after, file_entry("a"));
  Two::put(two.after, other_entry(EntryType::directory, "d"));
  Two::put(two.after, other_entry(EntryType::symlink, "l", "a"));
  CHECK(two.differences().empty());
  Two::put(two.after, file_entry("z"));
  CHECK(two.differences().size() == 1);
}

TEST_CASE("an error of the visitor ends it") {
  Two two;
  for (int i = 0; i < 10; ++i)
    Two::put(two.after, file_entry("f" + std::to_string(i)));
  int visits = 0;
  auto const result = diff_catalogs(two.before, two.after, [&](Difference&&) -> Result<void> {
    if (++visits == 3) return make_error(Condition::cancelled, "enough");
    return {};
  });
  CHECK(result.error().condition == Condition::cancelled);
  CHECK(visits == 3);
}

TEST_CASE("many entries against a plain comparison") {
  auto const seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Two two;
  std::map<std::string, std::pair<int, int>> model;  // content before and after; 0: not there
  for (int i = 0; i < 2000; ++i) {
    std::string const path = "p" + std::to_string(random() % 100000);
    int const before = static_cast<int>(random() % 3);
    int const after = static_cast<int>(random() % 3);
    if (!model.emplace(path, std::pair(before, after)).second) continue;
    if (before > 0)
      Two::put(two.before, file_entry(path, std::string(static_cast<std::size_t>(before), 'x')));
    if (after > 0) Two::put(two.after, file_entry(path, std::string(static_cast<std::size_t>(after), 'x')));
  }
  std::vector<std::pair<std::string, Change>> expected, found;
  for (auto const& [path, contents] : model) {
    auto const [before, after] = contents;
    if (before == after) continue;
    expected.emplace_back(path, before == 0 ? Change::added : after == 0 ? Change::deleted : Change::content);
  }
  for (auto const& difference : two.differences())
    found.emplace_back(
        difference.change == Change::added ? difference.after.entry.path : difference.before.entry.path,
        difference.change);
  CHECK(found == expected);
}
