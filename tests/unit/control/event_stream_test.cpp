#include "core/control/event_stream.h"

#include <vector>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

namespace {

struct Listener {
  std::vector<Event> events;
  std::vector<std::string> comments;
  bool go_on = true;
  EventStreamParser parser{[this](Event const& event) {
                             events.push_back(event);
                             return go_on;
                           },
                           [this](std::string_view text) { comments.emplace_back(text); }};
};

}  // namespace

TEST_CASE("an event is what it was on the other side, in whatever pieces it comes", "[event_stream]") {
  std::string const wire = encode_comment("hello") + encode_event({"r-1", "push-done", "{\"a\":1}"}) +
                           encode_event({"", "", "two\nlines\n"});
  CHECK(wire ==
        ": hello\n\nid: r-1\nevent: push-done\ndata: {\"a\":1}\n\ndata: two\ndata: lines\ndata: \n\n");
  for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
    Listener listener;
    for (std::size_t at = 0; at < wire.size(); at += piece)
      CHECK(listener.parser.feed(std::string_view(wire).substr(at, piece)).value());
    REQUIRE(listener.events.size() == 2);
    CHECK(listener.events[0].id == "r-1");
    CHECK(listener.events[0].name == "push-done");
    CHECK(listener.events[0].data == "{\"a\":1}");
    CHECK(listener.events[1].id == "r-1");  // the last one said
    CHECK(listener.events[1].name == "message");
    CHECK(listener.events[1].data == "two\nlines\n");
    CHECK(listener.comments == std::vector<std::string>{"hello"});
    CHECK(listener.parser.last_event_id() == "r-1");
  }
}

TEST_CASE("all three line ends are understood", "[event_stream]") {
  Listener listener;
  CHECK(listener.parser.feed("data: a\r\n\r\ndata: b\r\rdata:c\n\nunknown: x\ndata\n\nevent: only\n\n")
            .value());
  REQUIRE(listener.events.size() == 4);
  CHECK(listener.events[0].data == "a");
  CHECK(listener.events[1].data == "b");
  CHECK(listener.events[2].data == "c");
  CHECK(listener.events[3].data.empty());
}

TEST_CASE("the callback can end it", "[event_stream]") {
  Listener listener;
  listener.go_on = false;
  CHECK_FALSE(listener.parser.feed("data: a\n\ndata: b\n\n").value());
  CHECK(listener.events.size() == 1);
}

TEST_CASE("an event without end is cut off", "[event_stream]") {
  std::string const piece(64 * 1024, 'x');
  Listener in_a_line;
  Listener in_lines;
  bool line_failed = false;
  bool lines_failed = false;
  for (int i = 0; i < 20; ++i) {
    if (!line_failed) line_failed = !in_a_line.parser.feed(piece).has_value();
    if (!lines_failed) lines_failed = !in_lines.parser.feed("data: " + piece + "\n").has_value();
  }
  CHECK(line_failed);
  CHECK(lines_failed);
}
