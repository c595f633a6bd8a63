#include "core/config/dotenv.h"

#include <catch2/catch.hpp>

using namespace b2b;

namespace {
std::string value_of(std::string_view text) {
  Dotenv const parsed = parse_dotenv(text);
  auto const found = parsed.values.find("A");
  return found == parsed.values.end() ? "(none)" : found->second;
}
}  // namespace

TEST_CASE("dotenv: assignments") {
  CHECK(value_of("A=b") == "b");
  CHECK(value_of("A=b\r\n") == "b");
  CHECK(value_of("\xef\xbb\xbf"
                 "A=b") == "b");
  CHECK(value_of("  A  =  b c  \n") == "b c");
  CHECK(value_of("export A=b") == "b");
  CHECK(value_of("A=") == "");
  CHECK(value_of("A=b # c") == "b");
  CHECK(value_of("A=b=c") == "b=c");
  CHECK(value_of("# A=b") == "(none)");
  CHECK(value_of("A=1\nA=2") == "2");
}

TEST_CASE("dotenv: quotes") {
  CHECK(value_of("A=\"b # c\" # d") == "b # c");
  CHECK(value_of("A=\"b\\nc\"") == "b\nc");
  CHECK(value_of("A='b\\nc'") == "b\\nc");
  CHECK(value_of("A=`b'\"c`") == "b'\"c");
  CHECK(value_of("A=\"b\nc\"\nB=1") == "b\nc");
  CHECK(value_of("A=\"b") == "\"b");
  CHECK(value_of("A=''") == "");
}

TEST_CASE("dotenv: lines that are nothing are counted") {
  Dotenv const parsed = parse_dotenv("A=1\n\n# c\nnonsense\nB=\"x\ny\"\n=3\nC=4");
  CHECK(parsed.skipped_lines == std::vector<std::size_t>{4, 7});
  CHECK(parsed.values.size() == 3);
  CHECK(parsed.values.at("C") == "4");
  CHECK(parse_dotenv("").values.empty());
}
