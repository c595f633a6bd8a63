#include "core/snapshot/catalog.h"

#include <algorithm>

#include <sys/resource.h>

#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

CatalogEntry row(Entry entry) {
  CatalogEntry out;
  out.entry = std::move(entry);
  return out;
}

std::vector<std::string> paths(Catalog& catalog) {
  std::vector<std::string> out;
  REQUIRE(catalog
              .for_each([&](CatalogEntry&& entry) -> Result<void> {
                out.push_back(std::move(entry.entry.path));
                return {};
              })
              .has_value());
  return out;
}

// CPU time of this process: what others do on the machine does not count.
double cpu_seconds() {
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  auto const seconds = [](timeval const& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

TEST_CASE("every column comes back, before and after sealing") {
  Scratch scratch;
  CatalogEntry full = row(file_entry("w/caf\xE9\n", "body"));
  full.entry.mode = 07777;
  full.entry.uid = 0xFFFFFFFF;
  full.entry.gid = 3;
  full.entry.mtime_ns = -5;
  full.entry.hard_link_of = "a";
  full.entry.xattrs = {{"user.a", std::string("\0\xFF", 2)}, {"", ""}};
  full.entry.database = full.entry.cut = true;
  full.entry.stat = {~std::uint64_t{0}, 1, 2, 3, 4, 5, ~std::uint64_t{1}};
  full.entry.captured_at_ns = 6;
  full.stored_name = "b2backupd-escaped/ab";
  full.stored_size = 68;
  full.state = 0xFFFFFFFF;
  CatalogEntry const link = row(other_entry(EntryType::symlink, "l", std::string("t\0\xFF", 3)));
  auto catalog = Catalog::create(scratch / "c").value();
  REQUIRE(catalog.put(full).has_value());
  REQUIRE(catalog.put(link).has_value());
  for (bool const sealed : {false, true}) {
    if (sealed) {
      REQUIRE(catalog.seal().has_value());
      catalog = Catalog::open(scratch / "c").value();
    }
    auto const found = catalog.find(full.entry.path).value();
    REQUIRE(found.has_value());
    CHECK(found->entry.path == full.entry.path);
    CHECK(found->entry.type == EntryType::file);
    CHECK(found->entry.size == 4);
    CHECK(found->entry.hash == full.entry.hash);
    CHECK(found->entry.mode == 07777);
    CHECK(found->entry.uid == 0xFFFFFFFF);
    CHECK(found->entry.gid == 3);
    CHECK(found->entry.mtime_ns == -5);
    CHECK(found->entry.hard_link_of == "a");
    CHECK(found->entry.xattrs == full.entry.xattrs);
    CHECK(found->entry.has_metadata);
    CHECK(found->entry.database);
    CHECK_FALSE(found->entry.damaged);
    CHECK(found->entry.cut);
    CHECK(found->entry.stat == full.entry.stat);
    CHECK(found->entry.captured_at_ns == 6);
    CHECK(found->stored_name == full.stored_name);
    CHECK(found->stored_size == 68);
    CHECK(found->state == 0xFFFFFFFF);
    CHECK(catalog.find("l").value()->entry.target == std::string("t\0\xFF", 3));
    CHECK_FALSE(catalog.find("nothing").value().has_value());
  }
}

TEST_CASE("put replaces, insert does not, erase removes") {
  Scratch scratch;
  auto catalog = Catalog::create(scratch / "c").value();
  CHECK(catalog.insert(row(file_entry("a", "1"))).value());
  CHECK_FALSE(catalog.insert(row(file_entry("a", "22"))).value());
  CHECK(catalog.find("a").value()->entry.size == 1);
  REQUIRE(catalog.put(row(file_entry("a", "333"))).has_value());
  CHECK(catalog.find("a").value()->entry.size == 3);
  CHECK(catalog.count().value() == 1);
  REQUIRE(catalog.erase("a").has_value());
  REQUIRE(catalog.erase("a").has_value());
  CHECK(catalog.count().value() == 0);
}

TEST_CASE("entries come in byte order, in batches, while the catalog changes") {
  Scratch scratch;
  auto catalog = Catalog::create(scratch / "c").value();
  std::vector<std::string> expected = {"a",  "a!", "a-b",      "a/b",  "a0",
                                       "aa", "B",  "\xC3\xA9", "\xFF", std::string("a\0b", 3)};
  for (auto const& path : expected)
    REQUIRE(catalog.put(row(file_entry(path))).has_value());
  std::sort(expected.begin(), expected.end());
  CHECK(paths(catalog) == expected);
  std::vector<std::string> seen;
  std::string after;
  for (bool start = true;; start = false) {
    auto const batch = catalog.batch_after(after, 3, start).value();
    if (batch.empty()) break;
    CHECK(batch.size() <= 3);
    for (auto const& entry : batch)
      seen.push_back(entry.entry.path);
    after = batch.back().entry.path;
    REQUIRE(catalog.erase(after).has_value());
  }
  CHECK(seen == expected);
}

TEST_CASE("a thousand rows are all visited, and an error of the visitor ends it") {
  Scratch scratch;
  auto catalog = Catalog::create(scratch / "c").value();
  for (int i = 0; i < 1000; ++i)
    REQUIRE(catalog.put(row(file_entry("f" + std::to_string(1000 + i)))).has_value());
  CHECK(paths(catalog).size() == 1000);
  int visits = 0;
  auto const result = catalog.for_each([&](CatalogEntry&& entry) -> Result<void> {
    // The catalog may be changed meanwhile.
    B2B_TRY(catalog.put(entry));
    if (++visits == 300) return make_error(Condition::cancelled, "enough");
    return {};
  });
  CHECK(result.has_error());
  CHECK(visits == 300);
}

TEST_CASE("content is found by hash and size, files only, the first path") {
  Scratch scratch;
  auto catalog = Catalog::create(scratch / "c").value();
  REQUIRE(catalog.put(row(file_entry("z", "same"))).has_value());
  REQUIRE(catalog.put(row(file_entry("b", "same"))).has_value());
  REQUIRE(catalog.put(row(other_entry(EntryType::directory, "a"))).has_value());
  CHECK(catalog.find_by_hash(sha256("same"), 4).value()->entry.path == "b");
  REQUIRE(catalog.put(row(file_entry("a0", "same"))).has_value());  // after the index was made
  CHECK(catalog.find_by_hash(sha256("same"), 4).value()->entry.path == "a0");
  CHECK_FALSE(catalog.find_by_hash(sha256("same"), 5).value().has_value());
  CHECK_FALSE(catalog.find_by_hash(sha256("other"), 5).value().has_value());
  CHECK_FALSE(catalog.find_by_hash(Sha256Digest{}, 0).value().has_value());
}

TEST_CASE("counts, bytes and meta") {
  Scratch scratch;
  auto catalog = Catalog::create(scratch / "c").value();
  CHECK(catalog.count().value() == 0);
  CHECK(catalog.total_bytes().value() == 0);
  REQUIRE(catalog.put(row(file_entry("a", "12345"))).has_value());
  REQUIRE(catalog.put(row(file_entry("b", "1"))).has_value());
  REQUIRE(catalog.put(row(other_entry(EntryType::directory, "d"))).has_value());
  CHECK(catalog.count().value() == 3);
  CHECK(catalog.count(EntryType::file).value() == 2);
  CHECK(catalog.count(EntryType::symlink).value() == 0);
  CHECK(catalog.total_bytes().value() == 6);
  CHECK_FALSE(catalog.meta("k").value().has_value());
  REQUIRE(catalog.set_meta("k", "1").has_value());
  REQUIRE(catalog.set_meta("k", std::string("\0\xFF", 2)).has_value());
  REQUIRE(catalog.set_meta("empty", "").has_value());
  CHECK(catalog.meta("k").value() == std::string("\0\xFF", 2));
  CHECK(catalog.meta("empty").value() == "");
}

TEST_CASE("an opened catalog can be changed and sealed again, and forgets what was not sealed") {
  Scratch scratch;
  {
    auto catalog = Catalog::create(scratch / "c").value();
    REQUIRE(catalog.put(row(file_entry("a"))).has_value());
    REQUIRE(catalog.seal().has_value());
  }
  {
    auto catalog = Catalog::open(scratch / "c").value();
    REQUIRE(catalog.put(row(file_entry("lost"))).has_value());
  }
  {
    auto catalog = Catalog::open(scratch / "c").value();
    CHECK(paths(catalog) == std::vector<std::string>{"a"});
    REQUIRE(catalog.put(row(file_entry("b"))).has_value());
    REQUIRE(catalog.seal().has_value());
  }
  auto first = Catalog::open(scratch / "c").value();
  auto second = Catalog::open(scratch / "c").value();
  CHECK(paths(first) == std::vector<std::string>{"a", "b"});
  CHECK(second.find_by_hash(sha256("content"), 7).value()->entry.path == "a");
}

TEST_CASE("what is not a sealed catalog is not opened") {
  Scratch scratch;
  CHECK(Catalog::open(scratch / "none").error().condition == Condition::not_found);
  for (std::string const& text : {std::string(), std::string("hello"), std::string(8192, 'x')}) {
    REQUIRE(atomic_write_file(scratch / "text", text).has_value());
    CHECK(Catalog::open(scratch / "text").error().condition == Condition::corrupt);
  }
  { REQUIRE(Catalog::create(scratch / "unsealed").value().put(row(file_entry("a")))); }
  CHECK(Catalog::open(scratch / "unsealed").error().condition == Condition::corrupt);
  {
    auto other = sqlite::Database::open(scratch / "other", sqlite::OpenMode::create).value();
    REQUIRE(other.execute("CREATE TABLE t(x)").has_value());
  }
  CHECK(Catalog::open(scratch / "other").error().condition == Condition::corrupt);
}

TEST_CASE("create replaces an old file and fails where it cannot") {
  Scratch scratch;
  REQUIRE(atomic_write_file(scratch / "c", std::string(5000, 'x')).has_value());
  auto catalog = Catalog::create(scratch / "c");
  REQUIRE(catalog.has_value());
  CHECK(catalog->count().value() == 0);
  CHECK(Catalog::create("/nonexistent/c").has_error());
}

TEST_CASE("100,000 entries are put, found by hash and sealed in about a second of CPU time") {
  Scratch scratch;
  auto catalog = Catalog::create(scratch / "c").value();
  CatalogEntry entry = row(file_entry("x"));
  double const start = cpu_seconds();
  for (int i = 0; i < 100000; ++i) {
    entry.entry.path = "workspace/directory-" + std::to_string(i / 100) + "/file-" + std::to_string(i);
    entry.entry.hash = sha256(entry.entry.path);
    entry.stored_name = entry.entry.path;
    if (auto const put = catalog.put(entry); !put) FAIL(put.error().text());
  }
  double const put = cpu_seconds();
  CHECK(catalog.find_by_hash(entry.entry.hash, entry.entry.size).value()->entry.path == entry.entry.path);
  double const indexed = cpu_seconds();
  REQUIRE(catalog.seal().has_value());
  double const sealed = cpu_seconds();
  WARN("CPU: 100,000 puts " << put - start << " s, index " << indexed - put << " s, seal " << sealed - indexed
                            << " s");
  if (!under_sanitizer) CHECK(sealed - start < 5);  // leaves room for unoptimised builds
}
