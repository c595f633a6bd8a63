#include "core/util/encoding.h"

#include <random>

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("hexadecimal both ways") {
  CHECK(to_hex(as_bytes(std::string_view("\x00\x7f\xff", 3))) == "007fff");
  CHECK(as_text(*from_hex("4a4B")) == "JK");
  CHECK(from_hex("")->empty());
  CHECK_FALSE(from_hex("4"));
  CHECK_FALSE(from_hex("4g"));
  CHECK_FALSE(from_hex("0x"));
}

TEST_CASE("base64: the vectors of RFC 4648 section 10") {
  std::vector<std::pair<std::string, std::string>> const vectors{
      {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (auto const& [plain, encoded] : vectors) {
    CHECK(to_base64(as_bytes(plain)) == encoded);
    CHECK(as_text(*from_base64(encoded)) == plain);
  }
}

TEST_CASE("base64 that is not canonical is refused") {
  for (auto const* text : {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9v", "Zm9v\n", "====", "Zm-_", "=Zg="}) {
    INFO(text);
    CHECK_FALSE(from_base64(text));
  }
}

TEST_CASE("random bytes survive hex, base64 and URI encoding") {
  auto const seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::string text(random() % 70, '\0');
    for (auto& c : text) c = static_cast<char>(random());
    CHECK(as_text(*from_hex(to_hex(as_bytes(text)))) == text);
    CHECK(as_text(*from_base64(to_base64(as_bytes(text)))) == text);
    CHECK(uri_decode(uri_encode(text, round % 2 == 0)) == text);
  }
}

TEST_CASE("UTF-8 is checked strictly") {
  CHECK(is_valid_utf8("plain, \xC3\xBC, \xE2\x82\xAC, \xF0\x9F\xA6\x9E"));
  CHECK(is_valid_utf8("\xF4\x8F\xBF\xBF"));
  for (auto const* bad : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xE0\x80\xAF", "\xED\xA0\x80", "\xE2\x82", "\xF0\x80\x80\xAF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "ok\xC3("}) {
    INFO(to_hex(as_bytes(bad)));
    CHECK_FALSE(is_valid_utf8(bad));
  }
}

TEST_CASE("URI encoding leaves only unreserved characters") {
  CHECK(uri_encode("aZ09-._~", false) == "aZ09-._~");
  CHECK(uri_encode("a/b c+d'(*)\xC3\xBC%", true) == "a/b%20c%2Bd%27%28%2A%29%C3%BC%25");
  CHECK(uri_encode("a/b", false) == "a%2Fb");
  CHECK(uri_decode("a%2fb+c") == "a/b+c");
  CHECK_FALSE(uri_decode("%zz"));
  CHECK_FALSE(uri_decode("%4"));
  CHECK_FALSE(uri_decode("%"));
}

TEST_CASE("printable text shows what a terminal must not see") {
  CHECK(printable("line\nnext\ttab") == "line\\nnext\\ttab");
  CHECK(printable("\x1b[31m") == "\\x1b[31m");
  CHECK(printable("\x7f\r") == "\\x7f\\x0d");
  CHECK(printable("\xC2\x9B" "1m") == "\\xc2\\x9b1m");  // the eight-bit form of ESC [
  CHECK(printable("gr\xC3\xBC\xC3\x9F\xFF") == "gr\xC3\xBC\xC3\x9F\\xff");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
}
