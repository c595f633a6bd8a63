// Conformance of single objects: put, get, head, copy, removal, cancellation, threads.
#include "tests/unit/store/conformance.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "tests/unit/store/conformance_support.h"

namespace b2b::test {
namespace {

std::vector<std::string> strange_keys() {
  std::string const segment(250, 's');
  std::string const part(250, 'p');
  std::string const longest = part + "/" + part + "/" + part + "/" + part + "/" + std::string(20, 't');
  REQUIRE(longest.size() == 1024);
  return {"with space/and more space",
          " leading and trailing ",
          "a+b",
          "a&b=c",
          "it's (one) *star* ~tilde~",
          "100%",
          "a%2Fb",
          "%",
          "hash#tag",
          "what?",
          "semi;colon,comma:at@dollar$bang!",
          "quote\"angle<>pipe|caret^back`tick{}[]",
          "h\xC3\xA9llo/\xE4\xB8\x96\xE7\x95\x8C",
          "emoji/\xF0\x9F\xA6\x9E\xF0\x9F\x92\xBE",
          "...",
          ".hidden/..also",
          "manifest.json",
          segment,
          longest};
}

std::vector<std::string> invalid_keys() {
  return {"",
          "/a",
          "a/",
          "a//b",
          ".",
          "..",
          "a/../b",
          "a/./b",
          "../a",
          std::string("a\0b", 3),
          "a\nb",
          "a\x7F",
          "\xFF\xFE",
          "\xC0\xAF",
          std::string(251, 'a'),
          "b/" + std::string(251, 'a') + "/c",
          std::string(250, 'a') + "/" + std::string(250, 'b') + "/" + std::string(250, 'c') + "/" +
              std::string(250, 'd') + "/" + std::string(21, 'e')};
}

std::string read_range(Store& store, std::string const& key, std::uint64_t offset, std::uint64_t length) {
  INFO("range " << offset << " + " << length);
  StringSink sink(1 << 30);
  REQUIRE(ok(store.get(key, ByteRange{offset, length}, sink, {})));
  return sink.take();
}

std::stop_token stopped() {
  static std::stop_source source;
  source.request_stop();
  return source.get_token();
}

void bodies_conform(Store& store, ConformanceOptions const& options) {
  for (std::size_t const size : {std::size_t{0}, std::size_t{1}, std::size_t{65'535}, std::size_t{65'536},
                                 static_cast<std::size_t>(options.large_body_bytes)}) {
    INFO("size " << size);
    std::string const key = "bodies/" + std::to_string(size);
    std::string const body = body_of(size, size);
    auto const put = put_text(store, key, body);
    REQUIRE(ok(put));
    CHECK(put->key == key);
    CHECK(put->size == size);
    auto const head = store.head(key, {});
    REQUIRE(ok(head));
    CHECK(head->key == key);
    CHECK(head->size == size);
    CHECK(head->etag == put->etag);
    StringSink sink(size);
    auto const got = store.get(key, std::nullopt, sink, {});
    REQUIRE(ok(got));
    CHECK(got->size == size);
    CHECK((sink.text() == body));  // not expanded: a megabyte in a message helps nobody
  }
}

void ranges_conform(Store& store) {
  std::string const body = body_of(200'000, 7);
  must_put(store, "range", body);
  auto const expect = [&](std::uint64_t offset, std::uint64_t length) {
    std::string const expected = offset >= body.size() ? std::string()
                                                       : body.substr(static_cast<std::size_t>(offset),
                                                                     static_cast<std::size_t>(length));
    CHECK((read_range(store, "range", offset, length) == expected));
  };
  expect(0, 1);
  expect(0, 200'000);
  expect(1, 199'999);
  expect(65'535, 2);
  expect(100'000, 100'000);
  expect(199'999, 1);
  expect(199'990, 100);  // across the end
  expect(0, 1'000'000);
  expect(199'999, UINT64_MAX);
  expect(200'000, 1);  // past the end
  expect(5'000'000'000, 10);
  expect(10, 0);
  must_put(store, "empty", "");
  CHECK(read_range(store, "empty", 0, 10).empty());
  StringSink sink(100);
  auto const info = store.get("range", ByteRange{5, 10}, sink, {});
  REQUIRE(ok(info));
  CHECK(info->size == body.size());  // of the object, not of the range
}

void missing_objects_conform(Store& store) {
  must_put(store, "here/object", "x");
  for (std::string const key : {"missing", "here/missing", "missing/deep/er", "here"}) {
    INFO(key);
    StringSink sink(10);
    CHECK(condition_of(store.get(key, std::nullopt, sink, {})) == Condition::not_found);
    CHECK(condition_of(store.get(key, ByteRange{0, 1}, sink, {})) == Condition::not_found);
    CHECK(condition_of(store.head(key, {})) == Condition::not_found);
    CHECK(condition_of(store.copy(key, "there/copy", 1, {})) == Condition::not_found);
    CHECK(is_absent(store, "there/copy"));
    ObjectVersion version;
    version.key = key;
    if (!store.traits().versioned) CHECK(ok(store.remove_versions(std::span(&version, 1), {})));
    CHECK(ok(remove_all(store, key, {})));
    CHECK(condition_of(get_text(store, key, 10, {})) == Condition::not_found);
  }
  CHECK(must_get(store, "here/object") == "x");
}

void invalid_keys_conform(Store& store) {
  must_put(store, "fine", "x");
  std::uint64_t const requests = store.counters().requests;
  for (std::string const& key : invalid_keys()) {
    INFO("key \"" << key << "\"");
    StringSink sink(10);
    CHECK(condition_of(put_text(store, key, "x")) == Condition::usage);
    CHECK(condition_of(store.get(key, std::nullopt, sink, {})) == Condition::usage);
    CHECK(condition_of(store.head(key, {})) == Condition::usage);
    CHECK(condition_of(store.copy(key, "other", 1, {})) == Condition::usage);
    CHECK(condition_of(store.copy("fine", key, 1, {})) == Condition::usage);
    ObjectVersion version;
    version.key = key;
    CHECK(condition_of(store.remove_versions(std::span(&version, 1), {})) == Condition::usage);
    CHECK(condition_of(remove_all(store, key, {})) == Condition::usage);
  }
  CHECK(store.counters().requests == requests);  // nothing was sent
  CHECK(list_names(store, {}) == std::vector<std::string>{"fine"});
}

void broken_bodies_conform(Store& store) {
  must_put(store, "kept", "old");
  for (auto const& [announced, delivered] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {10, 9}, {10, 11}, {0, 1}, {1, 0}, {300'000, 100'000}, {100'000, 300'000}, {131'072, 131'071}}) {
    INFO(announced << " bytes announced, " << delivered << " delivered");
    CHECK(condition_of(store.put("absent", LyingSource(announced, delivered), {})) == Condition::changed);
    CHECK(is_absent(store, "absent"));
    CHECK(condition_of(store.put("kept", LyingSource(announced, delivered), {})) == Condition::changed);
    CHECK(must_get(store, "kept") == "old");
  }
  CHECK(condition_of(store.put("absent", LyingSource(200'000, 150'000, true), {})) == Condition::corrupt);
  CHECK(is_absent(store, "absent"));
  CHECK(list_names(store, {}) == std::vector<std::string>{"kept"});
  must_put(store, "large", body_of(300'000, 1));
  FullSink full(100'000);
  CHECK(condition_of(store.get("large", std::nullopt, full, {})) == Condition::io);  // the sink's own error
  CHECK(ok(store.remove_unfinished("", 0, {})));
  CHECK(list_names(store, {}) == std::vector<std::string>{"kept", "large"});
}

void copies_conform(Store& store) {
  std::string const body = body_of(70'000, 3);
  must_put(store, "from/a", body);
  auto const before = store.now({});
  REQUIRE(ok(before));
  REQUIRE(ok(store.copy("from/a", "to/deep/b", body.size(), {})));
  CHECK((must_get(store, "to/deep/b") == body));
  auto const copied = store.head("to/deep/b", {});
  REQUIRE(ok(copied));
  CHECK(copied->size == body.size());
  CHECK(copied->modified >=
        *before - std::chrono::seconds(2));  // when it was copied, not when the source was made
  CHECK((must_get(store, "from/a") == body));
  for (std::uint64_t const wrong : {body.size() - 1, body.size() + 1, std::size_t{0}})
    CHECK(condition_of(store.copy("from/a", "to/wrong", wrong, {})) == Condition::changed);
  CHECK(is_absent(store, "to/wrong"));
  // The two are independent from now on.
  if (store.traits().versioned) REQUIRE(ok(remove_all(store, "from/a", {})));
  must_put(store, "from/a", "new");
  CHECK((must_get(store, "to/deep/b") == body));
  REQUIRE(ok(remove_all(store, "from/a", {})));
  CHECK((must_get(store, "to/deep/b") == body));
  // Over an object that is there, once and again.
  must_put(store, "from/c", "second");
  REQUIRE(ok(store.copy("from/c", "to/deep/b", 6, {})));
  REQUIRE(ok(store.copy("from/c", "to/deep/b", 6, {})));
  CHECK(must_get(store, "to/deep/b") == "second");
  must_put(store, "from/empty", "");
  REQUIRE(ok(store.copy("from/empty", "to/empty", 0, {})));
  CHECK(must_get(store, "to/empty").empty());
}

void cancellation_conforms(Store& store) {
  must_put(store, "object", "body");
  std::stop_token const stop = stopped();
  StringSink sink(100);
  std::size_t visits = 0;
  auto const count = [&](auto const&) { return ++visits > 0; };
  CHECK(condition_of(store.put("other", MemorySource("x"), stop)) == Condition::cancelled);
  CHECK(condition_of(store.get("object", std::nullopt, sink, stop)) == Condition::cancelled);
  CHECK(condition_of(store.head("object", stop)) == Condition::cancelled);
  CHECK(condition_of(store.list({}, count, stop)) == Condition::cancelled);
  CHECK(condition_of(store.list_versions("", count, stop)) == Condition::cancelled);
  CHECK(condition_of(store.copy("object", "other", 4, stop)) == Condition::cancelled);
  auto const versions = versions_under(store, "object");
  CHECK(condition_of(store.remove_versions(versions, stop)) == Condition::cancelled);
  CHECK(condition_of(store.flush(stop)) == Condition::cancelled);
  CHECK(condition_of(store.remove_unfinished("", 0, stop)) == Condition::cancelled);
  CHECK(condition_of(store.now(stop)) == Condition::cancelled);
  CHECK(condition_of(remove_all(store, "object", stop)) == Condition::cancelled);
  CHECK(condition_of(get_text(store, "object", 100, stop)) == Condition::cancelled);
  CHECK(visits == 0);
  CHECK(sink.text().empty());
  CHECK(is_absent(store, "other"));
  CHECK(must_get(store, "object") == "body");
}

// Each thread works on keys of its own and on one that all of them replace. Catch2 may only be asked on this
// thread.
void threads_conform(Store& store, ConformanceOptions const& options) {
  std::mutex mutex;
  std::string trouble;
  auto const complain = [&](std::string const& what) {
    std::scoped_lock lock(mutex);
    if (trouble.empty()) trouble = what;
  };
  auto const work = [&](std::size_t thread) {
    for (std::size_t round = 0; round < 20; ++round) {
      std::string const key = "threads/" + std::to_string(round % 4) + "/" + std::to_string(thread);
      std::string const body = body_of(1000 * round + thread, round);
      if (auto const put = put_text(store, key, body); !put) return complain(put.error().text());
      auto const text = get_text(store, key, 1 << 20, {});
      if (!text) return complain(text.error().text());
      if (*text != body) return complain("another body under " + key);
      if (auto const removed = remove_all(store, key, {}); !removed) return complain(removed.error().text());
      if (auto const head = store.head(key, {}); head || head.error().condition != Condition::not_found)
        return complain(key + " is still there");
      if (!store.traits().versioned) {
        if (auto const put = put_text(store, "shared", std::string(5000, static_cast<char>('a' + thread)));
            !put)
          return complain(put.error().text());
        auto const shared = get_text(store, "shared", 5000, {});
        if (!shared) return complain(shared.error().text());
        if (shared->size() != 5000 || shared->find_first_not_of(shared->front()) != std::string::npos)
          return complain("a mixed body under \"shared\"");
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < options.threads; ++i)
      threads.emplace_back(work, i);
  }
  CHECK(trouble == "");
  CHECK(list_names(store, {.prefix = "threads/", .start_after = "", .delimiter = false}).empty());
}

void clock_and_counters_conform(Store& store, ConformanceOptions const& options) {
  auto const now = store.now({});
  REQUIRE(ok(now));
  TimePoint const expected = (options.clock != nullptr ? *options.clock : system_clock()).now();
  CHECK(*now > expected - std::chrono::minutes(1));
  CHECK(*now < expected + std::chrono::minutes(1));
  StoreCounters const before = store.counters();
  must_put(store, "counted", std::string(1000, 'c'));
  StoreCounters const put = store.counters();
  CHECK(put.requests > before.requests);
  CHECK(put.bytes_sent >= before.bytes_sent + 1000);
  must_get(store, "counted");
  StoreCounters const got = store.counters();
  CHECK(got.requests > put.requests);
  CHECK(got.bytes_received >= put.bytes_received + 1000);
  list_names(store, {});
  CHECK(store.counters().requests > got.requests);
  CHECK_FALSE(store.traits().name.empty());
  CHECK(store.traits().transfers >= 1);
  auto const info = store.head("counted", {});
  REQUIRE(ok(info));
  CHECK(info->modified > expected - std::chrono::minutes(1));
  CHECK(info->modified < expected + std::chrono::minutes(2));
}

void small_texts_conform(Store& store) {
  must_put(store, "text", "hello");
  auto const text = get_text(store, "text", 5, {});
  REQUIRE(ok(text));
  CHECK(*text == "hello");
  auto const limited = get_text(store, "text", 4, {});
  CHECK(condition_of(limited) == Condition::limit);
  CHECK(limited.error().text().find("text") != std::string::npos);
}

}  // namespace

void objects_conform(MakeStore const& make, ConformanceOptions const& options) {
  auto const store = make();
  SECTION("bodies of all sizes come back") {
    bodies_conform(*store, options);
  }
  SECTION("an object can be replaced") {
    must_put(*store, "dir/object", "first");
    must_put(*store, "dir/object", "second, longer");
    CHECK(must_get(*store, "dir/object") == "second, longer");
    must_put(*store, "dir/object", "3");
    CHECK(must_get(*store, "dir/object") == "3");
    CHECK(list_names(*store, {}) == std::vector<std::string>{"dir/object"});
  }
  SECTION("strange names") {
    for (std::string const& key : strange_keys()) {
      INFO(key);
      must_put(*store, key, "body of " + key);
    }
    auto expected = strange_keys();
    std::ranges::sort(expected);
    CHECK(list_names(*store, {}) == expected);
    for (std::string const& key : strange_keys()) {
      INFO(key);
      CHECK(must_get(*store, key) == "body of " + key);
      CHECK(list_names(*store, {.prefix = key, .start_after = "", .delimiter = false}).front() == key);
      REQUIRE(ok(store->copy(key, "copy of it", key.size() + 8, {})));
      REQUIRE(ok(remove_all(*store, "copy of it", {})));
      REQUIRE(ok(remove_all(*store, key, {})));
    }
    CHECK(list_names(*store, {}).empty());
  }
  SECTION("a key may be the folder of another, or the store says so") {
    must_put(*store, "a/b", "below");
    auto const above = put_text(*store, "a", "above");
    if (options.keys_nest) {
      REQUIRE(ok(above));
      CHECK(must_get(*store, "a") == "above");
    } else {
      CHECK(condition_of(above) == Condition::unsupported);
    }
    CHECK(must_get(*store, "a/b") == "below");
  }
  SECTION("invalid keys") {
    invalid_keys_conform(*store);
  }
  SECTION("ranges") {
    ranges_conform(*store);
  }
  SECTION("missing objects") {
    missing_objects_conform(*store);
  }
  SECTION("bodies that change while they are stored") {
    broken_bodies_conform(*store);
  }
  SECTION("copies") {
    copies_conform(*store);
  }
  SECTION("cancelled calls") {
    cancellation_conforms(*store);
  }
  SECTION("many threads") {
    threads_conform(*store, options);
  }
  SECTION("clock and counters") {
    clock_and_counters_conform(*store, options);
  }
  SECTION("small texts") {
    small_texts_conform(*store);
  }
  SECTION("flush") {
    must_put(*store, "object", "x");
    CHECK(ok(store->flush({})));
    CHECK(ok(store->flush({})));
  }
  SECTION("nothing unfinished") {
    must_put(*store, "p/object", "x");
    auto const removed = store->remove_unfinished("p/", 0, {});
    REQUIRE(ok(removed));
    CHECK(*removed == 0);
    CHECK(must_get(*store, "p/object") == "x");
  }
}

void run_conformance(MakeStore const& make_empty_store, ConformanceOptions const& options) {
  objects_conform(make_empty_store, options);
  listing_conforms(make_empty_store, options);
}

}  // namespace b2b::test
