#include "core/store/s3/request.h"

#include "tests/support/catch.h"

namespace b2b::s3 {

TEST_CASE("a request target is encoded once and its query sorted") {
  Request request;
  request.path = "/bucket/a b/ü+'()*~.txt";
  CHECK(request_target(request) == "/bucket/a%20b/%C3%BC%2B%27%28%29%2A~.txt");
  request.query = {{"prefix", "x/y z"}, {"list-type", "2"}, {"delimiter", "/"}, {"versions", ""}};
  CHECK(request_target(request) ==
        "/bucket/a%20b/%C3%BC%2B%27%28%29%2A~.txt?delimiter=%2F&list-type=2&prefix=x%2Fy%20z&versions=");
  CHECK(query_string({"GET", "/", {{"a", "2"}, {"a", "1"}, {"B", "0"}}, {}}) == "B=0&a=1&a=2");
}

TEST_CASE("headers are found whatever their case") {
  std::vector<NameValue> const headers = {{"ETag", "\"x\""}, {"Date", "now"}};
  CHECK(find_header(headers, "etag").value() == "\"x\"");
  CHECK(find_header(headers, "DATE").value() == "now");
  CHECK_FALSE(find_header(headers, "dat"));
}

TEST_CASE("the head on the wire ends with an empty line") {
  Request request;
  request.method = "PUT";
  request.path = "/b/k";
  request.headers = {{"Host", "h"}};
  CHECK(wire_head(request, {{"Content-Length", "0"}}) ==
        "PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace b2b::s3
