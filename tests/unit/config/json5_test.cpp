#include "core/config/json5.h"

#include <cmath>

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

using namespace b2b;

namespace {

std::string parsed(std::string_view text) {
  auto const value = parse_json5(text, "t");
  if (!value) return "error: " + value.error().message;
  return boost::json::serialize(*value);
}

std::string error_of(std::string_view text) {
  auto const value = parse_json5(text, "t");
  REQUIRE_FALSE(value.has_value());
  CHECK(value.error().condition == Condition::bad_config);
  CHECK(value.error().subject == "t");
  return value.error().message;
}

struct Valid {
  char const* what;
  std::string_view text;
  std::string_view json;
};

struct Invalid {
  char const* what;
  std::string_view text;
  std::string_view message;
};

using namespace std::string_view_literals;

}  // namespace

TEST_CASE("json5: what the specification allows") {
  auto const vector = GENERATE(values<Valid>({
      {"empty object", "{}", "{}"},
      {"empty array", "[]", "[]"},
      {"scalar at the top", "'a'", "\"a\""},
      {"true, false, null", "[true, false, null]", "[true,false,null]"},
      {"trailing comma in an object", "{a: 1,}", "{\"a\":1}"},
      {"trailing comma in an array", "[1,]", "[1]"},
      {"single quotes", "'a\"b'", "\"a\\\"b\""},
      {"double quotes", "\"a'b\"", "\"a'b\""},
      {"identifier key", "{$a_1: 1}", "{\"$a_1\":1}"},
      {"reserved word as a key", "{null: 1, while: 2}", "{\"null\":1,\"while\":2}"},
      {"key with letters beyond ASCII", "{größe: 1}", "{\"größe\":1}"},
      {"key with a Unicode escape", "{\\u0061b: 1}", "{\"ab\":1}"},
      {"quoted key", "{'a b': 1, \"\": 2}", "{\"a b\":1,\"\":2}"},
      {"line comment", "// x\n1 // y", "1"},
      {"line comment ended by U+2028", "// x\xe2\x80\xa8 1", "1"},
      {"block comment", "/* a\n * b */ 1 /**/", "1"},
      {"block comment between tokens", "{/*a*/a/*b*/:/*c*/1/*d*/,/*e*/}", "{\"a\":1}"},
      {"integer", "42", "42"},
      {"negative integer", "-42", "-42"},
      {"plus sign", "+42", "42"},
      {"zero", "0", "0"},
      {"largest 64-bit integer", "18446744073709551615", "18446744073709551615"},
      {"smallest signed integer beyond the positive range", "-9223372036854775807", "-9223372036854775807"},
      {"leading decimal point", ".5", "5E-1"},
      {"trailing decimal point", "5.", "5E0"},
      {"fraction", "1.25", "1.25E0"},
      {"exponent", "2e3", "2E3"},
      {"exponent with sign", "2E-3", "2E-3"},
      {"underflow is zero", "1e-999", "0E0"},
      {"hex", "0xC8", "200"},
      {"hex, upper-case X and negative", "-0Xff", "-255"},
      {"simple escapes", "'\\b\\f\\n\\r\\t\\v\\\\\\'\\\"'", "\"\\b\\f\\n\\r\\t\\u000b\\\\'\\\"\""},
      {"escaped NUL", "'\\0'", "\"\\u0000\""},
      {"hex escape", "'\\x41'", "\"A\""},
      {"Unicode escape", "'\\u20ac'", "\"€\""},
      {"surrogate pair", "'\\ud83d\\ude00'", "\"😀\""},
      {"escape of an ordinary character", "'\\a\\q'", "\"aq\""},
      {"continued line, LF", "'a\\\nb'", "\"ab\""},
      {"continued line, CR LF", "'a\\\r\nb'", "\"ab\""},
      {"continued line, CR", "'a\\\rb'", "\"ab\""},
      {"continued line, U+2028",
       "'a\\\xe2\x80\xa8"
       "b'",
       "\"ab\""},
      {"U+2028 in a string", "'\xe2\x80\xa8'", "\"\xe2\x80\xa8\""},
      {"tab in a string", "'a\tb'", "\"a\\tb\""},
      {"byte order mark", "\xef\xbb\xbf{}", "{}"},
      {"no-break space and em space",
       "[\xc2\xa0"
       "1,\xe2\x80\x83"
       "2]",
       "[1,2]"},
      {"vertical tab and form feed", "\v[\f1]", "[1]"},
      {"nested", "{a: [{b: [1, [2]]}]}", "{\"a\":[{\"b\":[1,[2]]}]}"},
      {"key __proto__", "{__proto__: 1}", "{\"__proto__\":1}"},
  }));
  INFO(vector.what);
  CHECK(parsed(vector.text) == vector.json);
}

TEST_CASE("json5: what is refused, and where") {
  auto const vector = GENERATE(values<Invalid>({
      {"nothing", "", "t:1:1: the file holds no value"},
      {"only comments", "// a\n/* b */", "t:2:8: the file holds no value"},
      {"two values", "1 2", "t:1:3: expected the end of the file, found '2'"},
      {"missing comma", "{a: 1\n b: 2}", "t:2:2: expected ',' or '}' after a value, found 'b'"},
      {"missing comma in an array", "[1 2]", "t:1:4: expected ',' or ']' after a value, found '2'"},
      {"missing colon", "{a 1}", "t:1:4: expected ':' after a key, found '1'"},
      {"missing value", "{a: }", "t:1:5: expected a value, found '}'"},
      {"lone comma in an object", "{,}", "t:1:2: expected a key or '}', found ','"},
      {"lone comma in an array", "[,]", "t:1:2: expected a value, found ','"},
      {"two commas", "[1,,2]", "t:1:4: expected a value, found ','"},
      {"object not closed", "\n {a: 1", "t:2:2: this '{' is never closed"},
      {"array not closed", "[1", "t:1:1: this '[' is never closed"},
      {"wrong bracket", "[1}", "t:1:3: expected ',' or ']' after a value, found '}'"},
      {"string not closed", "'abc", "t:1:1: this string is never closed"},
      {"string over two lines", "{a: 'b\nc'}", "t:1:5: this string is not closed on its line"},
      {"comment not closed", "{} /* a", "t:1:4: this comment is never closed"},
      {"lone slash", "/ 1", "t:1:1: expected a value, found '/'"},
      {"hash comment", "# a\n1", "t:1:1: expected a value, found '#'"},
      {"bare word", "{a: yes}", "t:1:5: expected a value, found a bare word"},
      {"key with a hyphen", "{a-b: 1}", "t:1:3: expected ':' after a key, found '-'"},
      {"key that begins with a digit", "{1a: 1}", "t:1:2: a key that begins with a digit needs quotes"},
      {"key with an escaped space", "{a\\u0020b: 1}", "t:1:3: this escaped character needs a key in quotes"},
      {"key with a simple escape", "{a\\nb: 1}",
       "t:1:3: only \\uXXXX may be escaped in a key without quotes"},
      {"duplicate key", "{a: 1,\n a: 2}", "t:2:2: the key 'a' is here a second time"},
      {"duplicate key, written otherwise", "{a: 1, '\\x61': 2}", "t:1:8: the key 'a' is here a second time"},
      {"octal number", "012", "t:1:1: a number must not begin with 0"},
      {"number with a unit", "10MB", "t:1:3: found 'M' right after a number"},
      {"two points", "1.2.3", "t:1:4: found '.' right after a number"},
      {"lone point", ".", "t:1:2: expected a digit, found the end of the file"},
      {"lone sign", "-", "t:1:2: expected a digit, found the end of the file"},
      {"two signs", "--1", "t:1:2: expected a digit, found '-'"},
      {"space after the sign", "- 1", "t:1:2: expected a digit, found ' '"},
      {"exponent without digits", "1e", "t:1:3: expected a digit of the exponent, found the end of the file"},
      {"hex without digits", "0x", "t:1:3: expected hex digits after 0x, found the end of the file"},
      {"hex too large", "0x10000000000000000", "t:1:1: this number is too large"},
      {"decimal too large", "1e999", "t:1:1: this number is too large"},
      {"Infinity", "-Infinity", "t:1:2: Infinity is no value that a setting can have"},
      {"NaN", "[NaN]", "t:1:2: NaN is no value that a setting can have"},
      {"octal escape", "'\\01'", "t:1:2: octal escapes do not exist in JSON5"},
      {"escaped digit", "'\\1'", "t:1:2: an escape of a digit does not exist in JSON5"},
      {"short hex escape", "'\\x4'", "t:1:5: expected 2 hex digits in an escape, found '''"},
      {"short Unicode escape", "'\\u12'", "t:1:6: expected 4 hex digits in an escape, found '''"},
      {"lone high surrogate", "'\\ud83d'", "t:1:2: half of a surrogate pair"},
      {"lone low surrogate", "'\\ude00'", "t:1:2: half of a surrogate pair"},
      {"high surrogate and a letter", "'\\ud83d\\u0041'", "t:1:2: half of a surrogate pair"},
      {"backslash at the end", "'\\", "t:1:2: a lone backslash ends the file"},
      {"not UTF-8", "{a: '\xff'}", "t:1:6: the file is not UTF-8 here"},
      {"UTF-8 cut off", "'\xe2\x82", "t:1:2: the file is not UTF-8 here"},
      {"overlong UTF-8", "'\xc0\xaf'", "t:1:2: the file is not UTF-8 here"},
      {"control character", "{\x01}", "t:1:2: expected a key or '}', found the control character U+0001"},
      {"columns count characters", "{\"€€\" 1}", "t:1:7: expected ':' after a key, found '1'"},
      {"lines end with CR LF, CR, LF", "\r\n\r\n\r\n[1 2]",
       "t:4:4: expected ',' or ']' after a value, found '2'"},
      {"lines end with CR", "\r\r[1 2]", "t:3:4: expected ',' or ']' after a value, found '2'"},
  }));
  INFO(vector.what);
  CHECK(error_of(vector.text) == vector.message);
}

TEST_CASE("json5: a NUL byte is no white space") {
  CHECK(error_of("1\0"sv) == "t:1:2: expected the end of the file, found the control character U+0000");
}

TEST_CASE("json5: nesting is bounded") {
  std::string const fine = std::string(64, '[') + std::string(64, ']');
  CHECK(parse_json5(fine, "t").has_value());
  std::string const deep = std::string(66, '[') + std::string(66, ']');
  CHECK(error_of(deep) == "t:1:66: nested deeper than 64 levels");
  CHECK(parse_json5(std::string(100000, '['), "t").has_error());
  std::string objects;
  for (int i = 0; i < 100000; ++i)
    objects += "{a:";
  CHECK(parse_json5(objects, "t").has_error());
}

TEST_CASE("json5: the foreign dialect takes what OpenClaw's reader takes") {
  Json5Options const foreign{Json5Dialect::foreign, nullptr};
  auto const value = parse_json5("{a: 1, a: 2, b: Infinity, c: NaN, d: 1e999, e: -Infinity}", "t", foreign);
  REQUIRE(value.has_value());
  CHECK(value->at("a") == 2);
  CHECK(std::isinf(value->at("b").as_double()));
  CHECK(std::isnan(value->at("c").as_double()));
  CHECK(std::isinf(value->at("d").as_double()));
  CHECK(value->at("e").as_double() < 0);
  CHECK(parse_json5("{a: 1 b}", "t", foreign).has_error());
}

TEST_CASE("json5: positions of keys") {
  Json5Positions positions;
  auto const value = parse_json5("{\n  a: 1,\n  // c\n  limits: { upload: [{x: 1}] },\n}", "t",
                                 {Json5Dialect::strict, &positions});
  REQUIRE(value.has_value());
  REQUIRE(positions.size() == 3);
  CHECK(positions["a"].line == 2);
  CHECK(positions["a"].column == 3);
  CHECK(positions["limits"].line == 4);
  CHECK(positions["limits.upload"].line == 4);
  CHECK(positions["limits.upload"].column == 13);
}
