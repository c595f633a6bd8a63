#include "core/control/message.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

TEST_CASE("a response names its length, its type and what becomes of the connection", "[message]") {
  auto const response = Response::ok({{"snapshot", "x"}});
  CHECK(
      encode(response, true, true) ==
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\nCache-Control: no-store\r\n"
      "Connection: keep-alive\r\n\r\n{\"ok\":true,\"snapshot\":\"x\"}\n");
  auto const head = encode(response, false, false);
  CHECK(head.find("Content-Length: 27\r\n") != std::string::npos);
  CHECK(head.ends_with("Connection: close\r\n\r\n"));
}

TEST_CASE("an error has the status of its condition", "[message]") {
  auto const response = Response::failed(make_error(Condition::busy, "a push is running"));
  CHECK(response.status == 409);
  CHECK(response.body == "{\"ok\":false,\"code\":\"busy\",\"error\":\"a push is running\"}\n");
  CHECK(Response::failed(418, make_error(Condition::busy, "x")).status == 418);
}

TEST_CASE("204 has no body and no length", "[message]") {
  Response response;
  response.status = 204;
  CHECK(encode(response, true, true).find("Content-Length") == std::string::npos);
}

TEST_CASE("statuses that we send have a text", "[message]") {
  for (int const status :
       {200, 202, 204, 400, 403, 404, 405, 408, 409, 413, 417, 429, 431, 500, 501, 502, 503, 505, 507})
    CHECK(status_text(status) != "Status");
  CHECK(status_text(299) == "Status");
}

TEST_CASE("a request's body is a JSON object, or nothing", "[message]") {
  Request request;
  CHECK(request.json().value().empty());
  request.body = R"({"dryRun":true})";
  CHECK(request.json().value().at("dryRun") == true);
  for (auto const* body : {"[]", "7", "{", "{} {}", "null", "\"x\""}) {
    request.body = body;
    auto const result = request.json();
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::usage);
  }
  request.body = std::string(100'000, '[');
  CHECK_FALSE(request.json());
}

TEST_CASE("a query value is the first of its name", "[message]") {
  Request request;
  request.query = {{"path", "a"}, {"path", "b"}, {"all", ""}};
  CHECK(request.query_value("path") == "a");
  CHECK(request.query_value("all") == "");
  CHECK_FALSE(request.query_value("none"));
}
