#include "core/control/http_error.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::control;

TEST_CASE("every condition has an HTTP status of an error and comes back from its JSON", "[http_error]") {
  for (int i = 0; i <= static_cast<int>(Condition::internal); ++i) {
    auto const condition = static_cast<Condition>(i);
    CHECK(http_status_of(condition) >= 400);
    CHECK(http_status_of(condition) < 600);
    auto const json = boost::json::serialize(error_to_json(make_error(condition, "it broke")));
    auto const back = error_from_answer(http_status_of(condition), json);
    CHECK(back.condition == condition);
    CHECK(back.text() == "it broke");
  }
}

TEST_CASE("all parts of an error survive the way through JSON", "[http_error]") {
  Error error = make_error(Condition::limit, "the bucket is full", "Raise the cap", "my-bucket");
  error.system_errno = 5;
  error.http_status = 403;
  error.request_id = "abc";
  error.remote_code = "storage_cap_exceeded";
  error.remote_message = "cap exceeded";
  error.retryable = true;
  auto const json = error_to_json(error);
  CHECK(json.at("ok") == false);
  CHECK(json.at("code") == "limit");
  CHECK(json.at("error").as_string() == error.text());
  auto const back = error_from_answer(403, boost::json::serialize(json));
  CHECK(back.text() == error.text());
  CHECK(back.message == error.message);
  CHECK(back.advice == error.advice);
  CHECK(back.subject == error.subject);
  CHECK(back.system_errno == 5);
  CHECK(back.http_status == 403);
  CHECK(back.request_id == "abc");
  CHECK(back.remote_code == "storage_cap_exceeded");
  CHECK(back.remote_message == "cap exceeded");
  CHECK(back.retryable);
}

TEST_CASE("an error with an advice only is not told twice", "[http_error]") {
  auto const error = make_error(Condition::busy, "a push is running", "Wait for it");
  auto const back = error_from_answer(409, boost::json::serialize(error_to_json(error)));
  CHECK(back.text() == "a push is running. Wait for it");
}

TEST_CASE("bytes that are no UTF-8 are made visible in JSON", "[http_error]") {
  auto const json =
      boost::json::serialize(error_to_json(make_error(Condition::io, "cannot read a\xff", {}, "a\xff")));
  CHECK(json.find("a\\\\xff") != std::string::npos);
  CHECK(error_from_answer(500, json).message.find('\xff') == std::string::npos);
}

TEST_CASE("an answer that explains nothing still gives an error", "[http_error]") {
  for (auto const* body :
       {"", "no json", "[]", "{}", R"({"code":"not-a-code","error":"x"})", R"({"code":"busy"})",
        R"({"code":7,"error":"x"})", R"({"code":"busy","error":""})"}) {
    INFO(body);
    CHECK(error_from_answer(502, body).condition == Condition::internal);
    auto const client = error_from_answer(404, body);
    CHECK(client.condition == Condition::usage);
    CHECK(client.message.find("404") != std::string::npos);
  }
}

TEST_CASE("text from the other side cannot steer a terminal", "[http_error]") {
  auto const error = error_from_answer(500, "{\"code\":\"io\",\"error\":\"a\\u001b[31mb\"}");
  CHECK(error.condition == Condition::io);
  CHECK(error.message.find('\x1b') == std::string::npos);
}

TEST_CASE("numbers that are no numbers are left out", "[http_error]") {
  auto const error = error_from_answer(
      500, R"({"code":"io","error":"x","errno":-1,"httpStatus":99999999999,"retryable":"yes"})");
  CHECK(error.system_errno == 0);
  CHECK(error.http_status == 0);
  CHECK_FALSE(error.retryable);
}
