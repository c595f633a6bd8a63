#include "core/control/answer_reader.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

TEST_CASE("an answer is read in any pieces", "[answer_reader]") {
  std::string const plain =
      "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello";
  std::string const chunks =
      "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
  for (auto const& bytes : {plain, chunks}) {
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
      AnswerReader reader(1000);
      bool done = false;
      for (std::size_t at = 0; at < bytes.size(); at += piece) {
        CHECK_FALSE(done);
        done = reader.feed(std::string_view(bytes).substr(at, piece)).value();
      }
      REQUIRE(done);
      CHECK(reader.status() == 404);
      CHECK(reader.content_type() == "application/json");
      CHECK(reader.take_body() == "hello");
      CHECK(reader.end());
    }
  }
}

TEST_CASE("the body of an event stream comes as it is", "[answer_reader]") {
  std::string const bytes = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: x\n\ndata: 5\n\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    AnswerReader reader(10);  // it bounds answers only
    std::string body;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      CHECK_FALSE(reader.feed(std::string_view(bytes).substr(at, piece)).value());
      if (reader.is_event_stream()) body += reader.take_body();
    }
    CHECK(body == ": x\n\ndata: 5\n\n");
    CHECK(reader.end());
  }
}

TEST_CASE("an answer that ends early is none", "[answer_reader]") {
  for (std::string const bytes :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"}) {
    AnswerReader reader(1000);
    CHECK_FALSE(reader.feed(bytes).value());
    CHECK(reader.end().error().condition == Condition::unreachable);
  }
  AnswerReader to_the_end(1000);
  CHECK_FALSE(to_the_end.feed("HTTP/1.1 200 OK\r\n\r\nhello").value());
  CHECK(to_the_end.end());
  CHECK(to_the_end.take_body() == "hello");
}

TEST_CASE("answers without sense or bound are errors", "[answer_reader]") {
  auto const condition_of = [](std::string const& bytes) {
    AnswerReader reader(1000);
    auto const result = reader.feed(bytes);
    REQUIRE_FALSE(result);
    return result.error().condition;
  };
  std::string const ok = "HTTP/1.1 200 OK\r\n";
  CHECK(condition_of("rubbish\r\n\r\n") == Condition::transit);
  CHECK(condition_of("HTTP/1.1 abc OK\r\n\r\n") == Condition::transit);
  CHECK(condition_of(ok + "Content-Length: x\r\n\r\n") == Condition::transit);
  CHECK(condition_of(ok + "Content-Length: 1001\r\n\r\n") == Condition::limit);
  CHECK(condition_of(ok + "\r\n" + std::string(1001, 'x')) == Condition::limit);
  CHECK(condition_of(ok + "X: " + std::string(70'000, 'x')) == Condition::limit);
  CHECK(condition_of(ok + "Transfer-Encoding: chunked\r\n\r\n5;" + std::string(70'000, 'x')) ==
        Condition::limit);
  CHECK(condition_of(ok + "Content-Type: text/event-stream\r\nContent-Length: 5\r\n\r\n") ==
        Condition::unsupported);
}
