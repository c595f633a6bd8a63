#include "core/store/directory_list.h"

#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/unit/store/directory_fixture.h"

using namespace b2b;
using test::DirectoryFixture;
using Names = std::vector<std::string>;

namespace {

Names expected_names(std::set<std::string> const& keys, ListOptions const& options) {
  std::set<std::string> names;
  for (std::string const& key : keys) {
    if (!key.starts_with(options.prefix)) continue;
    auto const slash = options.delimiter ? key.find('/', options.prefix.size()) : std::string::npos;
    std::string const name = slash == std::string::npos ? key : key.substr(0, slash + 1);
    if (name > options.start_after) names.insert(name);
  }
  return {names.begin(), names.end()};
}

}  // namespace

TEST_CASE("directory list: the order is that of keys, not of names in folders") {
  DirectoryFixture fixture;
  for (std::string const key : {"a/b", "a-b", "a.b", "a0", "ab", "a b", "A/z", "a\xC3\xA9/x"})
    fixture.write_file(key, "x");
  CHECK(test::list_names(fixture.store(), {}) ==
        Names{"A/z", "a b", "a-b", "a.b", "a/b", "a0", "ab", "a\xC3\xA9/x"});
}

TEST_CASE("directory list: what has no key is left out") {
  DirectoryFixture fixture;
  fixture.write_file("fine", "x");
  fixture.write_file("bad\nname", "x");
  fixture.write_file("not \xFF utf-8/x", "x");
  fixture.write_file(std::string(255, 'l'), "x");
  CHECK(test::list_names(fixture.store(), {}) == Names{"fine"});
  CHECK(test::list_names(fixture.store(), {.prefix = "", .start_after = "", .delimiter = true}) ==
        Names{"fine"});
}

TEST_CASE("directory list: as deep as a key can be") {
  DirectoryFixture fixture;
  std::string key;
  for (int i = 0; i < 511; ++i)
    key += "d/";
  key += "f";
  test::must_put(fixture.store(), key, "x");
  CHECK(test::list_names(fixture.store(), {}) == Names{key});
  CHECK(test::list_names(fixture.store(), {.prefix = "", .start_after = "", .delimiter = true}) ==
        Names{"d/"});
  REQUIRE(test::ok(remove_all(fixture.store(), key, {})));
  CHECK(fixture.files().empty());
}

TEST_CASE("directory list: random trees against the definition") {
  std::uint64_t const seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  auto const pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  static constexpr std::string_view segments[] = {"a",  "a-", "a.", "a0",  "b",
                                                  "aa", "-",  "~",  "a b", "\xC3\xA4"};
  DirectoryFixture fixture;
  std::set<std::string> keys;
  std::set<std::string> folders;
  for (int i = 0; i < 150; ++i) {
    std::string key;
    bool fits = true;
    for (std::size_t depth = pick(4) + 1; depth > 0; --depth) {
      key += segments[pick(std::size(segments))];
      if (depth > 1) {
        fits = fits && !keys.contains(key);
        key += '/';
      }
    }
    if (!fits || folders.contains(key)) continue;
    for (auto slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1))
      folders.insert(key.substr(0, slash));
    keys.insert(key);
    fixture.write_file(key, "x");
  }
  std::filesystem::create_directories(fixture.path("zzz/empty/folder"));
  Names candidates(keys.begin(), keys.end());
  for (std::string const& folder : folders) {
    candidates.push_back(folder);
    candidates.push_back(folder + "/");
  }
  candidates.insert(candidates.end(), {"", "", "", "c", "~~"});
  for (int i = 0; i < 500; ++i) {
    ListOptions options;
    options.prefix = candidates[pick(candidates.size())];
    options.prefix.resize(pick(options.prefix.size() + 1));
    options.start_after = pick(2) == 0 ? "" : candidates[pick(candidates.size())];
    options.delimiter = pick(2) == 0;
    INFO("prefix \"" << options.prefix << "\", after \"" << options.start_after << "\", delimiter "
                     << options.delimiter);
    REQUIRE(test::list_names(fixture.store(), options) == expected_names(keys, options));
  }
}
