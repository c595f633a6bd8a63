// Conformance of lists, versions and removal.
#include <algorithm>
#include <mutex>
#include <set>

#include "core/util/worker_pool.h"
#include "tests/unit/store/conformance_support.h"

namespace b2b::test {
namespace {

using Names = std::vector<std::string>;

// Objects in several folders whose names sort differently as names and as keys.
std::string numbered_key(std::size_t i) {
  static constexpr std::string_view folders[] = {"big/a/", "big/a-b/", "big/a.b/", "big/a0/", "big/"};
  std::string const number = std::to_string(100'000 + i);
  return std::string(folders[i % 5]) + number + (i % 3 == 0 ? " +%.txt" : "");
}

void fill(Store& store, Names const& keys) {
  std::mutex mutex;
  std::string trouble;
  {
    WorkerPool pool(std::min<std::size_t>(8, store.traits().transfers), 16);
    for (std::string const& key : keys) {
      pool.submit([&] {
        auto const put = put_text(store, key, key);
        std::scoped_lock lock(mutex);
        if (!put && trouble.empty()) trouble = put.error().text();
      });
    }
  }
  REQUIRE(trouble == "");
}

// What a list must show, from the definition.
Names expected_names(Names keys, ListOptions const& options) {
  std::set<std::string> names;
  for (std::string const& key : keys) {
    if (!key.starts_with(options.prefix)) continue;
    auto const slash = options.delimiter ? key.find('/', options.prefix.size()) : std::string::npos;
    std::string const name = slash == std::string::npos ? key : key.substr(0, slash + 1);
    if (name > options.start_after) names.insert(name);
  }
  return {names.begin(), names.end()};
}

void long_lists_conform(Store& store, ConformanceOptions const& options) {
  Names keys;
  for (std::size_t i = 0; i < options.listed_objects; ++i)
    keys.push_back(numbered_key(i));
  fill(store, keys);
  must_put(store, "before", "x");
  must_put(store, "zzz/after", "x");
  keys.insert(keys.end(), {"before", "zzz/after"});
  std::ranges::sort(keys);

  std::size_t wrong = 0;
  Names listed;
  REQUIRE(ok(store.list({},
                        [&](ListEntry const& entry) {
                          listed.push_back(entry.object.key);
                          if (entry.is_prefix ||
                              (entry.object.size != entry.object.key.size() && entry.object.size != 1))
                            ++wrong;
                          return true;
                        },
                        {})));
  CHECK(wrong == 0);
  CHECK((listed == keys));
  REQUIRE(listed.size() == options.listed_objects + 2);

  std::string const middle = keys[keys.size() / 2];
  std::vector<ListOptions> const cases = {{"big/", "", false},
                                          {"big/a", "", false},
                                          {"big/a/", "", false},
                                          {"big/a.b/1001", "", false},
                                          {"none", "", false},
                                          {"big/a/none/", "", false},
                                          {"", middle, false},
                                          {"big/", middle, false},
                                          {"big/", "big/a-b/", false},
                                          {"big/", "big/a", false},
                                          {"big/a/", "big/a0", false},
                                          {"", "zzzz", false},
                                          {"", "", true},
                                          {"big", "", true},
                                          {"big/", "", true},
                                          {"big/a", "", true},
                                          {"big/a/", "", true},
                                          {"big/", "big/a", true},
                                          {"big/", "big/a-b/", true},
                                          {"big/", "big/a/1", true},
                                          {"big/", "big/a.", true},
                                          {"", "big/", true},
                                          {"", "big", true},
                                          {"big/", "big/a/~", true},
                                          {middle, "", false},
                                          {middle + "x", "", false},
                                          {"zzz/after", "", true},
                                          {"zzz", "zzz/after", false}};
  for (ListOptions const& one : cases) {
    INFO("prefix \"" << one.prefix << "\", after \"" << one.start_after << "\", delimiter " << one.delimiter);
    CHECK((list_names(store, one) == expected_names(keys, one)));
  }

  Names some;
  std::size_t const half = options.listed_objects / 2;
  REQUIRE(ok(store.list({.prefix = "big/", .start_after = "", .delimiter = false},
                        [&](ListEntry const& entry) {
                          some.push_back(entry.object.key);
                          return some.size() < half;
                        },
                        {})));
  Names const expected = expected_names(keys, {"big/", "", false});
  CHECK((some == Names(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(half))));

  auto const versions = versions_under(store, "big/a");
  Names version_keys;
  for (ObjectVersion const& version : versions)
    version_keys.push_back(version.key);
  CHECK((version_keys == expected_names(keys, {"big/a", "", false})));

  // More than one batch of 1,000 at once, some of them named twice.
  std::vector<ObjectVersion> all = versions_under(store, "");
  all.insert(all.end(), versions.begin(), versions.end());
  REQUIRE(ok(store.remove_versions(all, {})));
  CHECK(list_names(store, {}).empty());
  CHECK(versions_under(store, "").empty());
}

void delimiter_conforms(Store& store) {
  for (std::string const key :
       {"p/1/manifest.json", "p/1/file", "p/2/deep/er/file", "p/safety-1/x/y", "p/top", "q/1"})
    must_put(store, key, "x");
  std::vector<ListEntry> entries;
  REQUIRE(ok(store.list({.prefix = "p/", .start_after = "", .delimiter = true},
                        [&](ListEntry const& entry) {
                          entries.push_back(entry);
                          return true;
                        },
                        {})));
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].object.key == "p/1/");
  CHECK(entries[0].is_prefix);
  CHECK(entries[1].object.key == "p/2/");
  CHECK(entries[1].is_prefix);
  CHECK(entries[2].object.key == "p/safety-1/");
  CHECK(entries[2].is_prefix);
  CHECK(entries[3].object.key == "p/top");
  CHECK_FALSE(entries[3].is_prefix);
  CHECK(entries[3].object.size == 1);
  // Once its objects are gone a folder is gone.
  REQUIRE(ok(remove_all(store, "p/2/deep/er/file", {})));
  REQUIRE(ok(remove_all(store, "p/1/file", {})));
  CHECK(list_names(store, {.prefix = "p/", .start_after = "", .delimiter = true}) ==
        Names{"p/1/", "p/safety-1/", "p/top"});
}

// A visitor may use the store.
void visitors_conform(Store& store) {
  for (std::string const key : {"v/1", "v/2", "v/3"})
    must_put(store, key, "x");
  bool all_fine = true;
  Names seen;
  REQUIRE(ok(store.list({.prefix = "v/", .start_after = "", .delimiter = false},
                        [&](ListEntry const& entry) {
                          seen.push_back(entry.object.key);
                          all_fine = all_fine && store.head(entry.object.key, {}) &&
                                     remove_all(store, entry.object.key, {});
                          return true;
                        },
                        {})));
  CHECK(all_fine);
  CHECK(seen == Names{"v/1", "v/2", "v/3"});
  CHECK(list_names(store, {}).empty());
}

void stop_during_list_conforms(Store& store) {
  for (std::string const key : {"s/1", "s/2", "s/3"})
    must_put(store, key, "x");
  std::stop_source source;
  std::size_t visits = 0;
  auto const result = store.list(
      {.prefix = "s/", .start_after = "", .delimiter = false},
      [&](ListEntry const&) {
        ++visits;
        source.request_stop();
        return true;
      },
      source.get_token());
  CHECK(condition_of(result) == Condition::cancelled);
  CHECK(visits == 1);
}

std::string version_text(Store& store, ObjectVersion const& version, std::optional<ByteRange> range = std::nullopt) {
  StringSink sink(100);
  auto const got = store.get_version(version, range, sink, {});
  REQUIRE(ok(got));
  CHECK(got->size == version.size);
  return sink.take();
}

void versions_conform(Store& store, ConformanceOptions const& options) {
  for (std::string const body : {"one", "two, longer", "three"})
    must_put(store, "v/key", body);
  must_put(store, "v/key2", "neighbour");
  must_put(store, "v/ke", "neighbour");
  std::vector<ObjectVersion> versions = versions_under(store, "v/key");
  std::size_t const own = store.traits().versioned ? 3 : 1;
  REQUIRE(versions.size() == own + 1);
  CHECK(versions[0].key == "v/key");
  CHECK(versions[0].size == 5);
  CHECK(versions[0].latest);
  CHECK_FALSE(versions[0].hide_marker);
  CHECK(versions.back().key == "v/key2");
  CHECK(versions.back().latest);
  if (store.traits().versioned) {
    CHECK(versions[1].size == 11);
    CHECK_FALSE(versions[1].latest);
    CHECK(versions[2].size == 3);
    std::set<std::string> ids;
    for (ObjectVersion const& version : versions)
      ids.insert(version.version_id);
    CHECK(ids.size() == versions.size());
    CHECK(ids.count("") == 0);
    CHECK(version_text(store, versions[0]) == "three");
    CHECK(version_text(store, versions[1]) == "two, longer");
    CHECK(version_text(store, versions[1], ByteRange{5, 100}) == "longer");
    CHECK(version_text(store, versions[1], ByteRange{11, 5}).empty());
    CHECK(version_text(store, versions[2]) == "one");
    ObjectVersion elsewhere = versions[2];
    elsewhere.key = "v/ke";
    StringSink unused(100);
    CHECK(condition_of(store.get_version(elsewhere, std::nullopt, unused, {})) == Condition::not_found);
    // The one in the middle goes, the newest stays; then the newest goes and the oldest shows.
    REQUIRE(ok(store.remove_versions(std::span(versions).subspan(1, 1), {})));
    CHECK(must_get(store, "v/key") == "three");
    REQUIRE(ok(store.remove_versions(std::span(versions).first(1), {})));
    CHECK(must_get(store, "v/key") == "one");
    CHECK(versions_under(store, "v/key").size() == 2);
    StringSink gone(100);
    CHECK(condition_of(store.get_version(versions[0], std::nullopt, gone, {})) == Condition::not_found);
    REQUIRE(ok(store.remove_versions(std::span(versions).first(3), {})));  // two of them are gone already
  } else {
    REQUIRE(ok(store.remove_versions(std::span(versions).first(1), {})));
    REQUIRE(ok(store.remove_versions(std::span(versions).first(1), {})));
  }
  CHECK(is_absent(store, "v/key"));
  CHECK(must_get(store, "v/key2") == "neighbour");
  CHECK(must_get(store, "v/ke") == "neighbour");

  for (int i = 0; i < 3; ++i)
    must_put(store, "v/key", std::to_string(i));
  if (options.hide) {
    options.hide(store, "v/key");
    CHECK(is_absent(store, "v/key"));
    versions = versions_under(store, "v/key");
    REQUIRE(versions.size() == own + 2);
    CHECK(versions[0].hide_marker);
    CHECK(versions[0].latest);
    CHECK(version_text(store, versions[1]) == "2");
    StringSink marker(100);
    CHECK(condition_of(store.get_version(versions[0], std::nullopt, marker, {})) == Condition::not_found);
    CHECK(list_names(store, {.prefix = "v/key", .start_after = "", .delimiter = false}) == Names{"v/key2"});
  }
  REQUIRE(ok(remove_all(store, "v/key", {})));
  CHECK(is_absent(store, "v/key"));
  versions = versions_under(store, "v/key");
  REQUIRE(versions.size() == 1);
  CHECK(versions[0].key == "v/key2");
  CHECK(ok(remove_all(store, "v/key", {})));
  CHECK(ok(store.remove_versions({}, {})));
}

}  // namespace

void listing_conforms(MakeStore const& make, ConformanceOptions const& options) {
  auto const store = make();
  SECTION("an empty store lists nothing") {
    CHECK(list_names(*store, {}).empty());
    CHECK(list_names(*store, {.prefix = "some/", .start_after = "", .delimiter = true}).empty());
    CHECK(versions_under(*store, "").empty());
  }
  SECTION("long lists") {
    long_lists_conform(*store, options);
  }
  SECTION("lists with a delimiter") {
    delimiter_conforms(*store);
  }
  SECTION("a visitor may use the store") {
    visitors_conform(*store);
  }
  SECTION("a list stops when it is told to") {
    stop_during_list_conforms(*store);
  }
  SECTION("versions") {
    versions_conform(*store, options);
  }
}

}  // namespace b2b::test
