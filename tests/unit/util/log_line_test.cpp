#include "core/util/log_line.h"

#include <boost/json/parse.hpp>

#include "core/util/encoding.h"
#include "tests/support/catch.h"

using namespace b2b;

namespace {
auto const noon = parse_iso8601("2026-02-19T12:00:00.5Z").value();
}

TEST_CASE("a line of text has time, level and message") {
  CHECK(log_line(LogFormat::text, noon, LogLevel::error, "cannot open x") ==
        "2026-02-19T12:00:00.500Z error: cannot open x\n");
  CHECK(log_line(LogFormat::text, {}, LogLevel::info, "started") == "info: started\n");
}

TEST_CASE("a line of JSON is an object") {
  CHECK(log_line(LogFormat::json, noon, LogLevel::warning, "slow") ==
        "{\"time\":\"2026-02-19T12:00:00.500Z\",\"level\":\"warning\",\"message\":\"slow\"}\n");
  CHECK(log_line(LogFormat::json, {}, LogLevel::debug, "") == "{\"level\":\"debug\",\"message\":\"\"}\n");
}

TEST_CASE("whatever a message holds, its line is JSON that holds it") {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte)
    every_byte.push_back(static_cast<char>(byte));
  for (std::string const& message : {every_byte, std::string("\"}\\"),
                                     std::string("naïve \xE2\x80\xA8 \xED\xA0\x80"), std::string("a\nb")}) {
    std::string const text = printable(message);
    std::string const line = log_line(LogFormat::json, noon, LogLevel::error, text);
    CHECK(line.find('\n') == line.size() - 1);
    auto const object = boost::json::parse(line).as_object();
    CHECK(object.size() == 3);
    CHECK(object.at("message").as_string() == text);
  }
}

TEST_CASE("levels as the journal counts them") {
  CHECK(log_level_prefix(LogLevel::error) == "<3>");
  CHECK(log_level_prefix(LogLevel::warning) == "<4>");
  CHECK(log_level_prefix(LogLevel::info) == "<6>");
  CHECK(log_level_prefix(LogLevel::debug) == "<7>");
}
