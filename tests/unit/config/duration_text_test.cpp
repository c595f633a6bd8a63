#include "core/config/duration_text.h"

#include <catch2/catch.hpp>

using namespace b2b;
using namespace std::chrono_literals;

TEST_CASE("duration text: units") {
  CHECK(*parse_duration("20s") == 20s);
  CHECK(*parse_duration("5m") == 5min);
  CHECK(*parse_duration("2h") == 2h);
  CHECK(*parse_duration("1d") == 24h);
  CHECK(*parse_duration("250ms") == 250ms);
  CHECK(*parse_duration("45") == 45s);
  CHECK(*parse_duration("0") == 0s);
  CHECK(*parse_duration(" 1.5 h ") == 90min);
  CHECK(*parse_duration("0.25s") == 250ms);
  CHECK(*parse_duration("36500d") == std::chrono::hours(24 * 36'500));
}

TEST_CASE("duration text: what is refused") {
  for (char const* text : {"", "s", "-1s", "+1s", "1e3", "5 min", "5M", "1h30m", "1.5.2s", ".5s", "5.s",
                           "1,5s", "20 s x", "36501d", "99999999999999999999999", "1w", "5\tm"}) {
    INFO(text);
    auto const duration = parse_duration(text);
    REQUIRE(duration.has_error());
    CHECK(duration.error().condition == Condition::bad_config);
    CHECK_FALSE(duration.error().advice.empty());
  }
  CHECK(parse_duration("5 min").error().message.find("\"min\"") != std::string::npos);
}

TEST_CASE("duration text: formatting") {
  CHECK(format_duration(0s) == "0s");
  CHECK(format_duration(345s) == "345s");
  CHECK(format_duration(300s) == "5m");
  CHECK(format_duration(7200s) == "2h");
  CHECK(format_duration(48h) == "2d");
  CHECK(format_duration(1500ms) == "1500ms");
}
