// Numbers of JSON5: decimal, hexadecimal, and the words Infinity and NaN.
#include <charconv>
#include <cstdint>
#include <limits>

#include "core/config/json5_parser.h"

namespace b2b::json5 {
namespace {

boost::json::value integer(std::uint64_t magnitude, bool negative) {
  constexpr auto int64_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude <= int64_max) {
    auto const number = static_cast<std::int64_t>(magnitude);
    return negative ? -number : number;
  }
  if (!negative) return magnitude;
  return -static_cast<double>(magnitude);
}

}  // namespace

Result<boost::json::value> Parser::number() {
  bool const negative = next_is('-');
  if (negative || next_is('+')) ++at_;
  if (text_.substr(at_, 8) == "Infinity")
    return special_number("Infinity", std::numeric_limits<double>::infinity(), negative);
  if (text_.substr(at_, 3) == "NaN")
    return special_number("NaN", std::numeric_limits<double>::quiet_NaN(), negative);
  if (text_.substr(at_, 2) == "0x" || text_.substr(at_, 2) == "0X") return hex_number(negative);
  return decimal_number(negative);
}

Result<boost::json::value> Parser::special_number(std::string_view word, double magnitude, bool negative) {
  if (strict_)
    return fail(std::string(word) + " is no value that a setting can have", "Write a finite number");
  at_ += word.size();
  B2B_TRY(number_ends_here());
  return boost::json::value(negative ? -magnitude : magnitude);
}

Result<void> Parser::number_ends_here() {
  CodePoint const c = peek();
  if (c.length != 0 && (is_identifier_part(c.value) || c.value == U'.'))
    return fail("found " + found(at_) + " right after a number",
                "A value with a unit needs quotes, like \"10MB\"");
  return {};
}

Result<boost::json::value> Parser::hex_number(bool negative) {
  std::size_t const begin = at_;
  at_ += 2;
  if (hex_digit(peek().value) < 0 || peek().length == 0)
    return fail("expected hex digits after 0x, found " + found(at_));
  std::uint64_t magnitude = 0;
  for (int digit = hex_digit(peek().value); peek().length != 0 && digit >= 0;
       digit = hex_digit(peek().value)) {
    if (magnitude >> 60 != 0) return fail_at(begin, "this number is too large");
    magnitude = magnitude * 16 + static_cast<std::uint64_t>(digit);
    ++at_;
  }
  B2B_TRY(number_ends_here());
  return integer(magnitude, negative);
}

Result<boost::json::value> Parser::decimal_number(bool negative) {
  std::size_t const begin = at_;
  auto const digits = [&] {
    std::size_t const from = at_;
    while (at_ < text_.size() && is_digit(static_cast<unsigned char>(text_[at_])))
      ++at_;
    return at_ - from;
  };
  std::size_t const whole = digits();
  if (whole > 1 && text_[begin] == '0') return fail_at(begin, "a number must not begin with 0");
  bool is_integer = true;
  std::size_t fraction = 0;
  if (next_is('.')) {
    is_integer = false;
    ++at_;
    fraction = digits();
  }
  if (whole + fraction == 0) return fail("expected a digit, found " + found(at_));
  bool small = whole == 0 || text_[begin] == '0';
  if (next_is('e') || next_is('E')) {
    is_integer = false;
    ++at_;
    small = next_is('-');
    if (next_is('+') || next_is('-')) ++at_;
    if (digits() == 0) return fail("expected a digit of the exponent, found " + found(at_));
  }
  char const* const first = text_.data() + begin;
  char const* const last = text_.data() + at_;
  B2B_TRY(number_ends_here());

  if (is_integer) {
    std::uint64_t magnitude = 0;
    if (std::from_chars(first, last, magnitude).ec == std::errc{}) return integer(magnitude, negative);
  }
  double magnitude = 0;
  if (std::from_chars(first, last, magnitude).ec == std::errc::result_out_of_range) {
    if (strict_ && !small) return fail_at(begin, "this number is too large");
    magnitude = small ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return boost::json::value(negative ? -magnitude : magnitude);
}

}  // namespace b2b::json5
