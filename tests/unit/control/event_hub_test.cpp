#include "core/control/event_hub.h"

#include <atomic>
#include <thread>
#include <vector>

#include <boost/json/object.hpp>

#include "core/control/event_stream.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

namespace {

constexpr std::size_t plenty = 100 * 1024 * 1024;

std::vector<Event> parse(std::string const& wire) {
  std::vector<Event> events;
  EventStreamParser parser([&](Event const& event) {
    events.push_back(event);
    return true;
  });
  REQUIRE(parser.feed(wire).value());
  return events;
}

void publish(EventHub& hub, int from, int to) {
  for (int i = from; i <= to; ++i)
    hub.publish("tick", {{"n", i}});
}

}  // namespace

TEST_CASE("a subscriber gets what happens from now on", "[event_hub]") {
  EventHub hub("r");
  publish(hub, 1, 3);
  int woken = 0;
  auto const subscription = hub.subscribe(std::nullopt, [&] { ++woken; });
  CHECK(hub.subscribers() == 1);
  CHECK(subscription->take(plenty).empty());
  publish(hub, 4, 6);
  CHECK(woken == 1);  // once, until it is emptied
  auto const events = parse(subscription->take(plenty));
  REQUIRE(events.size() == 3);
  CHECK(events[0].id == "r-4");
  CHECK(events[0].name == "tick");
  CHECK(events[0].data == "{\"n\":4}");
  publish(hub, 7, 7);
  CHECK(woken == 2);
}

TEST_CASE("events are taken in batches, at least one at a time", "[event_hub]") {
  EventHub hub("r");
  auto const subscription = hub.subscribe(std::nullopt, [] {});
  publish(hub, 1, 3);
  for (int i = 1; i <= 3; ++i) {
    auto const events = parse(subscription->take(1));
    REQUIRE(events.size() == 1);
    CHECK(events[0].id == "r-" + std::to_string(i));
  }
  CHECK(subscription->take(1).empty());
}

TEST_CASE("a listener that comes back gets what it missed", "[event_hub]") {
  EventHub hub("r");
  publish(hub, 1, 10);
  auto const ids = [&](std::string const& last) {
    std::vector<std::string> out;
    for (auto const& event : parse(hub.subscribe(last, [] {})->take(plenty)))
      out.push_back(event.name == "gap" ? event.data : event.id);
    return out;
  };
  CHECK(ids("r-8") == std::vector<std::string>{"r-9", "r-10"});
  CHECK(ids("r-10").empty());
  std::size_t const all_and_gap = 11;
  for (auto const* unknown :
       {"other-3", "r-11", "r-", "r", "", "r-3x", "r--1", "r-99999999999999999999999", "r3"}) {
    INFO(unknown);
    auto const got = ids(unknown);
    REQUIRE(got.size() == all_and_gap);
    CHECK(got[0] == "{\"missed\":null}");
    CHECK(got[1] == "r-1");
  }
  publish(hub, 11, 300);  // the history holds 45 to 300
  auto const late = ids("r-10");
  REQUIRE(late.size() == EventHub::history_max + 1);
  CHECK(late[0] == "{\"missed\":34}");
  CHECK(late[1] == "r-45");
  CHECK(ids("r-44").size() == EventHub::history_max);
}

TEST_CASE("a slow listener is cut off at 256 events and the others are not", "[event_hub]") {
  EventHub hub("r");
  int woken = 0;
  auto const slow = hub.subscribe(std::nullopt, [&] { ++woken; });
  auto const fast = hub.subscribe(std::nullopt, [] {});
  for (int i = 1; i <= static_cast<int>(EventHub::queue_max); ++i) {
    publish(hub, i, i);
    CHECK_FALSE(fast->take(plenty).empty());
  }
  CHECK_FALSE(slow->lost());
  CHECK(woken == 1);
  publish(hub, 1, 2);
  CHECK(slow->lost());
  CHECK(woken == 2);
  CHECK(slow->take(plenty).empty());
  CHECK_FALSE(fast->lost());
}

TEST_CASE("what the history gives does not count against a newcomer", "[event_hub]") {
  EventHub hub("r");
  publish(hub, 1, 300);
  auto const subscription = hub.subscribe("r-1", [] {});
  publish(hub, 301, 556);
  CHECK_FALSE(subscription->lost());
  publish(hub, 557, 557);
  CHECK(subscription->lost());
}

TEST_CASE("data that is too long is left out", "[event_hub]") {
  EventHub hub("r");
  auto const subscription = hub.subscribe(std::nullopt, [] {});
  hub.publish("big", {{"text", std::string(EventHub::data_max_bytes, 'x')}});
  auto const events = parse(subscription->take(plenty));
  REQUIRE(events.size() == 1);
  CHECK(events[0].data == "{\"tooLong\":true,\"bytes\":16395}");
}

TEST_CASE("a subscription outlives its hub", "[event_hub]") {
  auto hub = std::make_unique<EventHub>("r");
  auto subscription = hub->subscribe(std::nullopt, [] {});
  publish(*hub, 1, 1);
  hub.reset();
  CHECK(parse(subscription->take(plenty)).size() == 1);
  subscription.reset();
}

TEST_CASE("many threads publish, listen and leave at once", "[event_hub]") {
  EventHub hub("r");
  std::atomic<int> wakes{0};
  auto const all = hub.subscribe(std::nullopt, [&] { ++wakes; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] { publish(hub, 1, 60); });
  threads.emplace_back([&] {
    for (int i = 0; i < 50; ++i) {
      auto const passing = hub.subscribe("r-1", [&] { ++wakes; });
      passing->take(1000);
    }
  });
  for (auto& thread : threads)
    thread.join();
  auto const events = parse(all->take(plenty));
  REQUIRE(events.size() == 180);
  for (std::size_t i = 0; i < events.size(); ++i)
    CHECK(events[i].id == "r-" + std::to_string(i + 1));
  CHECK(wakes >= 1);
  CHECK(hub.subscribers() == 1);
}
