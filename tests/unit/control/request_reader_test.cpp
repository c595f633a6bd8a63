#include "core/control/request_reader.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;
using State = RequestReader::State;

namespace {

std::string const host = "Host: localhost\r\n";

struct Broken {
  char const* what;
  std::string bytes;
  int status;
};

std::string head(std::string const& fields) {
  return "POST /x HTTP/1.1\r\n" + host + fields + "\r\n";
}

std::vector<Broken> broken_requests() {
  std::string const get = "GET /x HTTP/1.1\r\n";
  return {
      {"not HTTP at all", "hello\r\n\r\n", 400},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400},
      {"zero bytes", std::string(8, '\0'), 400},
      {"no target", "GET HTTP/1.1\r\n" + host + "\r\n", 400},
      {"no version", "GET /x\r\n" + host + "\r\n", 400},
      {"a version of one digit", "GET /x HTTP/1\r\n" + host + "\r\n", 505},
      {"HTTP/2", "GET /x HTTP/2.0\r\n" + host + "\r\n", 505},
      {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/0.9", "GET /x HTTP/0.9\r\n" + host + "\r\n", 505},
      {"lower-case protocol", "GET /x http/1.1\r\n" + host + "\r\n", 505},
      {"two spaces", "GET  /x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a space in the target", "GET /x y HTTP/1.1\r\n" + host + "\r\n", 505},
      {"bare line feeds", "GET /x HTTP/1.1\nHost: localhost\n\n\r\n\r\n", 505},
      {"a bare carriage return", "GET /x HTTP/1.1\rHost: a\r\n\r\n", 505},
      {"a method with brackets", "G(T /x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"an empty method", " /x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a control character in the target", "GET /\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a byte above 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a broken escape in the query", "GET /x?a=%zz HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a zero byte in the query", "GET /x?a=%00 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a target without slash", "GET x HTTP/1.1\r\n" + host + "\r\n", 400},
      {"the target of a proxy", "CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"the target *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"a fragment", "GET /x#y HTTP/1.1\r\n" + host + "\r\n", 400},
      {"no Host", get + "\r\n", 400},
      {"two Hosts", get + host + host + "\r\n", 400},
      {"a header without colon", get + host + "Oops\r\n\r\n", 400},
      {"a header without name", get + host + ": x\r\n\r\n", 400},
      {"a space before the colon", get + host + "Name : x\r\n\r\n", 400},
      {"a space in a header's name", get + host + "Na me: x\r\n\r\n", 400},
      {"a zero byte in a header", get + host + "Name: a" + std::string(1, '\0') + "\r\n\r\n", 400},
      {"a bare CR in a header", get + host + "Name: a\rb\r\n\r\n", 400},
      {"an empty Content-Length", head("Content-Length: \r\n"), 400},
      {"a negative Content-Length", head("Content-Length: -1\r\n"), 400},
      {"a signed Content-Length", head("Content-Length: +5\r\n"), 400},
      {"a hexadecimal Content-Length", head("Content-Length: 0x10\r\n"), 400},
      {"Content-Length with a unit", head("Content-Length: 5 bytes\r\n"), 400},
      {"a Content-Length beyond 64 bits", head("Content-Length: 99999999999999999999999\r\n"), 400},
      {"a Content-Length of 16 EiB", head("Content-Length: 18446744073709551615\r\n"), 413},
      {"a Content-Length over the bound", head("Content-Length: 1048577\r\n"), 413},
      {"two Content-Lengths", head("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {"Content-Length and chunks", head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"chunks and Content-Length", head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {"a body in chunks", head("Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n", 411},
      {"a chunk of a strange size", head("Transfer-Encoding: chunked\r\n") + "xyz\r\nabc\r\n0\r\n\r\n", 411},
      {"another transfer encoding", head("Transfer-Encoding: gzip\r\n"), 411},
      {"two transfer encodings", head("Transfer-Encoding: gzip, chunked\r\n"), 411},
      {"chunks twice", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"chunks that are not last", head("Transfer-Encoding: chunked, identity\r\n"), 411},
      {"chunks in HTTP/1.0", "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"a compressed body", head("Content-Encoding: gzip\r\nContent-Length: 3\r\n") + "abc", 400},
      {"an unknown expectation", head("Expect: miracles\r\nContent-Length: 3\r\n"), 417},
      {"a head that does not end", get + host + "X: " + std::string(17 * 1024, 'x'), 431},
      {"a target that does not end", "GET /" + std::string(17 * 1024, 'x'), 431},
  };
}

}  // namespace

TEST_CASE("broken requests are refused, whole or byte by byte", "[request_reader]") {
  auto const table = broken_requests();
  CHECK(table.size() >= 30);
  for (auto const& broken : table) {
    INFO(broken.what);
    RequestReader whole{Limits{}};
    REQUIRE(whole.feed(broken.bytes) == State::failed);
    CHECK(whole.problem().status == broken.status);
    CHECK(whole.problem().body.starts_with("{\"ok\":false,\"code\":\"usage\",\"error\":\""));
    RequestReader slow{Limits{}};
    for (char const c : broken.bytes) {
      if (slow.state() == State::failed) break;
      slow.feed(std::string_view(&c, 1));
    }
    REQUIRE(slow.state() == State::failed);
    CHECK(slow.problem().status == broken.status);
  }
}

TEST_CASE("a broken line is answered when the head ends, whatever pieces it comes in", "[request_reader]") {
  // The parser alone would refuse the whole at once, and the pieces when the head has ended.
  std::string const begun = "GET /x HTTP/1.1\r\n" + host + "Oops\r\n";
  for (std::size_t const piece : {begun.size(), std::size_t{1}, std::size_t{7}}) {
    RequestReader reader{Limits{}};
    for (std::size_t at = 0; at < begun.size(); at += piece)
      CHECK(reader.feed(std::string_view(begun).substr(at, piece)) == State::partial);
    CHECK(reader.feed("\r\n") == State::failed);
    CHECK(reader.problem().status == 400);
  }
}

TEST_CASE("empty lines before a request are overlooked, whatever pieces they come in", "[request_reader]") {
  std::string const bytes = "\r\n\r\n\r\nGET /x HTTP/1.1\r\n" + host + "\r\n";
  for (std::size_t const piece : {bytes.size(), std::size_t{1}, std::size_t{3}}) {
    RequestReader reader{Limits{}};
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      REQUIRE(reader.feed(std::string_view(bytes).substr(at, piece)) != State::failed);
    CHECK(reader.state() == State::ready);
  }
}

TEST_CASE("a request is read, whatever pieces it comes in", "[request_reader]") {
  std::string const body = R"({"dryRun":true})";
  std::string const bytes = "POST /v1/push?a=b%20c HTTP/1.1\r\n" + host +
                            "Last-Event-ID: r-7\r\nContent-Length: " + std::to_string(body.size()) +
                            "\r\n\r\n" + body;
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    RequestReader reader{Limits{}};
    CHECK(reader.state() == State::idle);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      auto const state = reader.feed(std::string_view(bytes).substr(at, piece));
      CHECK(state == (at + piece >= bytes.size() ? State::ready : State::partial));
    }
    auto const taken = reader.take();
    CHECK(taken.keep_alive);
    CHECK(taken.request.method == "POST");
    CHECK(taken.request.path == "/v1/push");
    CHECK(taken.request.query == Fields{{"a", "b c"}});
    CHECK(taken.request.body == body);
    CHECK(taken.request.last_event_id == "r-7");
    CHECK(reader.state() == State::idle);
  }
}

TEST_CASE("pipelined requests come one after the other", "[request_reader]") {
  RequestReader reader{Limits{}};
  std::string bytes;
  for (int i = 0; i < 5; ++i)
    bytes +=
        "GET /" + std::to_string(i) + " HTTP/1.1\r\n" + host + "\r\n\r\n";  // with an empty line behind each
  reader.feed(bytes + "GET /last HTTP/1.1\r\n");
  for (int i = 0; i < 5; ++i) {
    REQUIRE(reader.state() == State::ready);
    CHECK(reader.take().request.path == "/" + std::to_string(i));
  }
  CHECK(reader.state() == State::partial);
  CHECK(reader.feed(host + "\r\n") == State::ready);
  CHECK(reader.take().request.path == "/last");
}

TEST_CASE("a broken request behind a good one leaves the good one", "[request_reader]") {
  RequestReader reader{Limits{}};
  CHECK(reader.feed("GET /good HTTP/1.1\r\n" + host + "\r\nrubbish\r\n\r\n") == State::ready);
  CHECK(reader.take().request.path == "/good");
  CHECK(reader.state() == State::failed);
}

TEST_CASE("bodies up to the bound are taken, one byte more is not", "[request_reader]") {
  Limits limits;
  limits.body_max_bytes = 100;
  for (std::size_t const size : {100U, 101U}) {
    State const expected = size == 100 ? State::ready : State::failed;
    RequestReader plain(limits);
    CHECK(plain.feed(head("Content-Length: " + std::to_string(size) + "\r\n") + std::string(size, 'x')) ==
          expected);
    if (expected == State::failed) CHECK(plain.problem().status == 413);
  }
}

TEST_CASE("heads up to the bound are taken", "[request_reader]") {
  std::string const start = "GET / HTTP/1.1\r\n" + host + "X: ";
  RequestReader reader{Limits{}};
  CHECK(reader.feed(start + std::string(16 * 1024 - start.size() - 4, 'x') + "\r\n\r\n") == State::ready);
}

TEST_CASE("keep-alive follows the version and the header", "[request_reader]") {
  auto const keeps = [](std::string const& bytes) {
    RequestReader reader{Limits{}};
    REQUIRE(reader.feed(bytes) == State::ready);
    return reader.take().keep_alive;
  };
  CHECK(keeps("GET / HTTP/1.1\r\n" + host + "\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  CHECK(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("a client that waits for 100 Continue is noticed once", "[request_reader]") {
  RequestReader reader{Limits{}};
  CHECK(reader.feed(head("Expect: 100-continue\r\nContent-Length: 3\r\n")) == State::partial);
  CHECK(reader.take_wants_continue());
  CHECK_FALSE(reader.take_wants_continue());
  CHECK(reader.feed("abc") == State::ready);
  CHECK_FALSE(reader.take_wants_continue());
  CHECK(reader.take().request.body == "abc");
  // One that sends the body at once does not wait.
  CHECK(reader.feed(head("Expect: 100-continue\r\nContent-Length: 3\r\n") + "abc") == State::ready);
  CHECK_FALSE(reader.take_wants_continue());
}
