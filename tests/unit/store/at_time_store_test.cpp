#include "core/store/at_time_store.h"

#include <catch2/catch.hpp>

#include "core/store/hidden.h"
#include "core/store/memory_store.h"
#include "tests/unit/store/conformance_support.h"

using namespace b2b;
using namespace b2b::test;
using Names = std::vector<std::string>;

namespace {

TimePoint const start = *parse_iso8601("2026-02-19T12:00:00Z");

// "a" was written at 12:00 and 13:00, hidden at 14:00 and written again at 15:00; "b/1" was written at 12:00 and hidden at 14:00.
struct Story {
  ManualClock clock{start};
  std::shared_ptr<Store> store = make_memory_store(clock, true);

  Story() {
    must_put(*store, "a", "one");
    must_put(*store, "b/1", "b");
    clock.advance(std::chrono::hours(1));
    must_put(*store, "a", "two");
    must_put(*store, "b/2", "late");
    clock.advance(std::chrono::hours(1));
    hide_in_memory_store(*store, "a");
    hide_in_memory_store(*store, "b/1");
    clock.advance(std::chrono::hours(1));
    must_put(*store, "a", "by somebody else");
    clock.advance(std::chrono::hours(1));
  }

  std::shared_ptr<Store> at(double hours) {
    auto const moment = start + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double, std::ratio<3600>>(hours));
    return make_at_time_store(store, moment, {}).value();
  }
};

Names all(Store& store) { return list_names(store, {}); }

}  // namespace

TEST_CASE("a store as it stood: the version that was the newest then") {
  Story story;
  CHECK(all(*story.at(-1)).empty());
  CHECK(all(*story.at(0)) == Names{"a", "b/1"});
  CHECK(must_get(*story.at(0), "a") == "one");
  CHECK(must_get(*story.at(0.99), "a") == "one");
  CHECK(must_get(*story.at(1), "a") == "two");
  CHECK(all(*story.at(1.5)) == Names{"a", "b/1", "b/2"});
  CHECK(must_get(*story.at(1.5), "b/1") == "b");
  // What was hidden then is not there then.
  CHECK(all(*story.at(2)) == Names{"b/2"});
  CHECK(is_absent(*story.at(2), "a"));
  CHECK(is_absent(*story.at(2.5), "b/1"));
  CHECK(must_get(*story.at(3), "a") == "by somebody else");
  CHECK(all(*story.at(3)) == all(*story.store));
}

TEST_CASE("a store as it stood: folders, ranges, sizes and times") {
  Story story;
  auto const then = story.at(1.5);
  CHECK(list_names(*then, {.prefix = "", .start_after = "", .delimiter = true}) == Names{"a", "b/"});
  CHECK(list_names(*then, {.prefix = "b/", .start_after = "b/1", .delimiter = true}) == Names{"b/2"});
  CHECK(list_names(*then, {.prefix = "", .start_after = "b/", .delimiter = true}).empty());
  StringSink sink(100);
  auto const part = then->get("a", ByteRange{1, 5}, sink, {});
  REQUIRE(ok(part));
  CHECK(sink.text() == "wo");
  CHECK(part->modified == start + std::chrono::hours(1));
  CHECK(then->head("a", {})->size == 3);
  CHECK(then->now({}).value() == start + std::chrono::minutes(90));
  CHECK(then->traits().name == "the memory store as of 2026-02-19T13:30:00.000Z");
  // Versions, too, are those of then: one for each key.
  CHECK(versions_under(*then, "").size() == 3);
}

TEST_CASE("a store as it stood is not written to") {
  Story story;
  auto const then = story.at(1);
  CHECK(condition_of(put_text(*then, "new", "x")) == Condition::refused);
  CHECK(condition_of(then->copy("a", "c", 3, {})) == Condition::refused);
  CHECK(condition_of(then->remove_versions(versions_under(*then, "a"), {})) == Condition::refused);
  CHECK(condition_of(then->remove_unfinished("", 0, {})) == Condition::refused);
  CHECK(condition_of(remove_all(*then, "a", {})) == Condition::refused);
  CHECK(ok(then->flush({})));
}

TEST_CASE("a store as it stood: not without versions, and not in the future") {
  ManualClock clock(start);
  std::shared_ptr<Store> const plain = make_memory_store(clock, false);
  auto const none = make_at_time_store(plain, start, {});
  CHECK(condition_of(none) == Condition::unsupported);
  CHECK(none.error().text().find("keeps no older versions") != std::string::npos);
  std::shared_ptr<Store> const versioned = make_memory_store(clock, true);
  CHECK(condition_of(make_at_time_store(versioned, start + std::chrono::seconds(61), {})) == Condition::usage);
  ObjectVersion version;
  version.key = "a";
  StringSink sink(1);
  CHECK(condition_of(plain->get_version(version, std::nullopt, sink, {})) == Condition::unsupported);
}

TEST_CASE("hidden objects: how many, and the last moment before") {
  Story story;
  Names hidden;
  HiddenQuestion question;
  question.prefixes = {"a", "b/"};
  question.counts = [&](std::string const& key) {
    hidden.push_back(key);
    return true;
  };
  auto found = find_hidden(*story.store, question, {}).value();
  CHECK(hidden == Names{"b/1"});  // "a" is to be seen again
  CHECK(found.count == 1);
  CHECK(found.first == start + std::chrono::hours(2));
  CHECK(found.before() == start + std::chrono::hours(2) - std::chrono::milliseconds(1));
  CHECK(must_get(*make_at_time_store(story.store, found.before(), {}).value(), "b/1") == "b");
  CHECK(hidden_since(*story.store, "b/1", {}).value() == found.first);
  CHECK_FALSE(hidden_since(*story.store, "a", {}).value());
  CHECK_FALSE(hidden_since(*story.store, "b/2", {}).value());
  CHECK_FALSE(hidden_since(*story.store, "b", {}).value());
}

TEST_CASE("hidden objects: one bout counts, from its beginning, replaced ones included where keys are written once") {
  Story story;
  must_put(*story.store, "c/1", "c");
  must_put(*story.store, "c/2", "c");
  must_put(*story.store, "c/same", "c");
  story.clock.advance(std::chrono::hours(5));
  TimePoint const bout = story.clock.now();
  must_put(*story.store, "c/2", "rubbish");
  must_put(*story.store, "c/same", "d");  // an answer that got lost leaves two alike
  story.clock.advance(std::chrono::minutes(50));
  hide_in_memory_store(*story.store, "c/1");
  story.clock.advance(std::chrono::minutes(50));
  hide_in_memory_store(*story.store, "b/2");
  HiddenQuestion question;
  question.prefixes = {"b/", "c/"};
  auto found = find_hidden(*story.store, question, {}).value();
  CHECK(found.count == 3);
  CHECK(found.first == bout + std::chrono::minutes(50));
  CHECK(found.last == bout + std::chrono::minutes(100));
  question.written_once = true;
  CHECK(find_hidden(*story.store, question, {})->first == bout);
  CHECK(find_hidden(*story.store, question, {})->in_bout == 2);  // "b/1" is of another one
}

TEST_CASE("hidden objects: the bout is that of what counts, and markers over markers begin with the first") {
  Story story;
  must_put(*story.store, "c/1", "c");
  must_put(*story.store, "d/1", "d");
  story.clock.advance(std::chrono::hours(5));
  TimePoint const bout = story.clock.now();
  hide_in_memory_store(*story.store, "c/1");
  story.clock.advance(std::chrono::hours(5));
  hide_in_memory_store(*story.store, "d/1");
  hide_in_memory_store(*story.store, "c/1");
  HiddenQuestion question;
  question.prefixes = {"c/", "d/"};
  question.counts = [](std::string const& key) { return key == "c/1"; };
  auto const found = find_hidden(*story.store, question, {}).value();
  CHECK(found.count == 1);
  CHECK(found.first == bout);
  CHECK(must_get(*make_at_time_store(story.store, found.before(), {}).value(), "c/1") == "c");
  CHECK(hidden_since(*story.store, "c/1", {}).value() == bout);
}
