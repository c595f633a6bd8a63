#include "core/config/size_text.h"

#include <catch2/catch.hpp>

using namespace b2b;

TEST_CASE("size text: units") {
  CHECK(*parse_size("0") == 0);
  CHECK(*parse_size("1000") == 1000);
  CHECK(*parse_size("12 B") == 12);
  CHECK(*parse_size("10MB") == 10'000'000);
  CHECK(*parse_size("10mb") == 10'000'000);
  CHECK(*parse_size("1 MiB") == 1'048'576);
  CHECK(*parse_size("1.5KiB") == 1536);
  CHECK(*parse_size(".5 kB") == 500);
  CHECK(*parse_size(" 2 GiB ") == 2ull << 30);
  CHECK(*parse_size("1TB") == 1'000'000'000'000ull);
  CHECK(*parse_size("9007199254740993") == 9007199254740993ull);
  CHECK(*parse_rate("2MB/s") == 2'000'000);
  CHECK(*parse_rate("1 MiB /s") == 1'048'576);
  CHECK(*parse_rate("512 KiB") == 524'288);
}

TEST_CASE("size text: what is refused") {
  for (char const* text : {"", "MB", "10Mb", "10 Mbit/s", "10M", "-1", "1..5MB", "1.2.3", "1e3",
                           "10 MB extra", "99999999TiB", "10MB/s"}) {
    INFO(text);
    auto const size = parse_size(text);
    REQUIRE(size.has_error());
    CHECK(size.error().condition == Condition::bad_config);
    CHECK_FALSE(size.error().advice.empty());
  }
  CHECK(parse_rate("10MB/h").has_error());
  CHECK(parse_size("10Mb").error().message.find("\"Mb\"") != std::string::npos);
}

TEST_CASE("size text: formatting") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(256ull << 20) == "256 MiB");
  CHECK(format_size(1000) == "1000 B");
  CHECK(format_size(1ull << 40) == "1 TiB");
}
