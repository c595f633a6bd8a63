#include "core/config/json5.h"

#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "core/config/json5_parser.h"

namespace b2b {
namespace json5 {
namespace {

constexpr int depth_max = 64;

}  // namespace

Json5Position Parser::position(std::size_t offset) const {
  if (offset < counted_to_) {
    counted_to_ = 0;
    counted_ = {1, 1};
  }
  Json5Position result = counted_;
  std::size_t i = counted_to_;
  while (i < offset && i < text_.size()) {
    CodePoint const c = decode_utf8(text_, i);
    i += c.length == 0 ? 1 : c.length;
    bool const first_half_of_crlf = c.value == U'\r' && i < text_.size() && text_[i] == '\n';
    if (is_line_terminator(c.value) && !first_half_of_crlf) {
      ++result.line;
      result.column = 1;
    } else {
      ++result.column;
    }
  }
  counted_to_ = i;
  counted_ = result;
  return result;
}

std::string Parser::found(std::size_t offset) const {
  CodePoint const c = decode_utf8(text_, offset);
  if (c.length == 0) return "the end of the file";
  if (is_line_terminator(c.value)) return "the end of the line";
  if (c.value < 0x20 || c.value == 0x7f) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "the control character U+%04X", static_cast<unsigned>(c.value));
    return buffer;
  }
  return "'" + std::string(text_.substr(offset, c.length)) + "'";
}

Error Parser::fail_at(std::size_t offset, std::string const& message, std::string advice) const {
  Json5Position const where = position(offset);
  return make_error(Condition::bad_config,
                    std::string(name_) + ":" + std::to_string(where.line) + ":" +
                        std::to_string(where.column) + ": " + message,
                    std::move(advice), std::string(name_));
}

Result<boost::json::value> Parser::document() {
  for (std::size_t i = 0; i < text_.size();) {
    CodePoint const c = decode_utf8(text_, i);
    if (c.length == 0) return fail_at(i, "the file is not UTF-8 here", "Save it as UTF-8");
    i += c.length;
  }
  B2B_TRY(space());
  if (at_ == text_.size()) return fail("the file holds no value", "Write at least {}");
  std::string const root;
  B2B_ASSIGN(boost::json::value result, value(0, &root));
  B2B_TRY(space());
  if (at_ < text_.size()) return fail("expected the end of the file, found " + found(at_));
  return result;
}

Result<void> Parser::space() {
  for (;;) {
    CodePoint const c = peek();
    if (c.length == 0) return {};
    if (is_white_space(c.value)) {
      at_ += c.length;
    } else if (text_.substr(at_, 2) == "//") {
      while (peek().length != 0 && !is_line_terminator(peek().value))
        at_ += peek().length;
    } else if (text_.substr(at_, 2) == "/*") {
      std::size_t const end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return fail("this comment is never closed", "End it with */");
      at_ = end + 2;
    } else {
      return {};
    }
  }
}

Result<boost::json::value> Parser::value(int depth, std::string const* path) {
  if (depth > depth_max) return fail("nested deeper than " + std::to_string(depth_max) + " levels");
  CodePoint const c = peek();
  switch (c.value) {
    case U'{':
      return object(depth, path);
    case U'[':
      return array(depth);
    case U'"':
    case U'\'': {
      B2B_ASSIGN(std::string text, string());
      return boost::json::value(text);
    }
    case U'+':
    case U'-':
    case U'.':
      return number();
    default:
      if (is_digit(c.value)) return number();
      if (c.length != 0 && is_identifier_start(c.value)) return word();
      return fail("expected a value, found " + found(at_));
  }
}

Result<boost::json::value> Parser::object(int depth, std::string const* path) {
  std::size_t const opened = at_++;
  boost::json::object result;
  for (;;) {
    B2B_TRY(space());
    if (next_is('}')) break;
    if (at_ == text_.size()) return fail_at(opened, "this '{' is never closed");
    std::size_t const key_at = at_;
    B2B_ASSIGN(std::string name, key());
    if (strict_ && result.contains(name))
      return fail_at(key_at, "the key '" + name + "' is here a second time", "Keep one of the two");
    std::string key_path;
    if (positions_ != nullptr && path != nullptr) {
      key_path = path->empty() ? name : *path + "." + name;
      (*positions_)[key_path] = position(key_at);
    }
    B2B_TRY(space());
    if (!next_is(':')) return fail("expected ':' after a key, found " + found(at_));
    ++at_;
    B2B_TRY(space());
    B2B_ASSIGN(boost::json::value entry, value(depth + 1, path == nullptr ? nullptr : &key_path));
    result[name] = std::move(entry);
    B2B_TRY(space());
    if (next_is(',')) {
      ++at_;
    } else if (!next_is('}')) {
      if (at_ == text_.size()) return fail_at(opened, "this '{' is never closed");
      return fail("expected ',' or '}' after a value, found " + found(at_));
    }
  }
  ++at_;
  return boost::json::value(std::move(result));
}

Result<boost::json::value> Parser::array(int depth) {
  std::size_t const opened = at_++;
  boost::json::array result;
  for (;;) {
    B2B_TRY(space());
    if (next_is(']')) break;
    if (at_ == text_.size()) return fail_at(opened, "this '[' is never closed");
    B2B_ASSIGN(boost::json::value entry, value(depth + 1, nullptr));
    result.push_back(std::move(entry));
    B2B_TRY(space());
    if (next_is(',')) {
      ++at_;
    } else if (!next_is(']')) {
      if (at_ == text_.size()) return fail_at(opened, "this '[' is never closed");
      return fail("expected ',' or ']' after a value, found " + found(at_));
    }
  }
  ++at_;
  return boost::json::value(std::move(result));
}

Result<std::string> Parser::key() {
  CodePoint const c = peek();
  if (c.value == U'"' || c.value == U'\'') return string();
  if (c.value == U'\\' || is_identifier_start(c.value)) return identifier();
  if (is_digit(c.value)) return fail("a key that begins with a digit needs quotes");
  return fail("expected a key or '}', found " + found(at_));
}

Result<std::string> Parser::identifier() {
  std::string result;
  for (;;) {
    CodePoint c = peek();
    std::size_t const character_at = at_;
    bool const escaped = c.value == U'\\';
    if (escaped) {
      if (text_.substr(at_, 2) != "\\u") return fail("only \\uXXXX may be escaped in a key without quotes");
      at_ += 2;
      B2B_ASSIGN(c.value, hex_escape(4));
    }
    bool const fits = result.empty() ? is_identifier_start(c.value) : is_identifier_part(c.value);
    bool const surrogate = c.value >= 0xd800 && c.value <= 0xdfff;
    if (c.length == 0 || !fits || surrogate) {
      if (escaped) return fail_at(character_at, "this escaped character needs a key in quotes");
      return result;
    }
    append_utf8(result, c.value);
    if (!escaped) at_ += c.length;
  }
}

Result<std::string> Parser::string() {
  std::size_t const opened = at_;
  char const quote = text_[at_++];
  std::string result;
  for (;;) {
    CodePoint const c = peek();
    if (c.length == 0) return fail_at(opened, "this string is never closed");
    if (c.value == static_cast<unsigned char>(quote)) {
      ++at_;
      return result;
    }
    if (c.value == U'\n' || c.value == U'\r')
      return fail_at(opened, "this string is not closed on its line",
                     "Close it, or end the line with \\ to continue it");
    if (c.value == U'\\') {
      B2B_TRY(escape(result));
    } else {
      result.append(text_.substr(at_, c.length));
      at_ += c.length;
    }
  }
}

Result<void> Parser::escape(std::string& into) {
  std::size_t const begin = at_++;
  CodePoint const c = peek();
  if (c.length == 0) return fail_at(begin, "a lone backslash ends the file");
  at_ += c.length;
  switch (c.value) {
    case U'b':
      into.push_back('\b');
      return {};
    case U'f':
      into.push_back('\f');
      return {};
    case U'n':
      into.push_back('\n');
      return {};
    case U'r':
      into.push_back('\r');
      return {};
    case U't':
      into.push_back('\t');
      return {};
    case U'v':
      into.push_back('\v');
      return {};
    case U'0':
      if (is_digit(peek().value))
        return fail_at(begin, "octal escapes do not exist in JSON5", "Write \\x00 and so on");
      into.push_back('\0');
      return {};
    case U'x': {
      B2B_ASSIGN(char32_t const code, hex_escape(2));
      append_utf8(into, code);
      return {};
    }
    case U'u': {
      B2B_ASSIGN(char32_t code, hex_escape(4));
      if (code >= 0xd800 && code <= 0xdbff && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        B2B_ASSIGN(char32_t const low, hex_escape(4));
        if (low < 0xdc00 || low > 0xdfff) return fail_at(begin, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      if (code >= 0xd800 && code <= 0xdfff) return fail_at(begin, "half of a surrogate pair");
      append_utf8(into, code);
      return {};
    }
    case U'\r':
      if (next_is('\n')) ++at_;
      return {};  // the line goes on
    case U'\n':
    case 0x2028:
    case 0x2029:
      return {};
    default:
      if (is_digit(c.value)) return fail_at(begin, "an escape of a digit does not exist in JSON5");
      append_utf8(into, c.value);
      return {};
  }
}

Result<char32_t> Parser::hex_escape(int digits) {
  char32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    int const digit = hex_digit(peek().value);
    if (peek().length == 0 || digit < 0)
      return fail("expected " + std::to_string(digits) + " hex digits in an escape, found " + found(at_));
    code = code * 16 + static_cast<char32_t>(digit);
    ++at_;
  }
  return code;
}

Result<boost::json::value> Parser::word() {
  std::size_t const begin = at_;
  B2B_ASSIGN(std::string const name, identifier());
  if (name == "true") return boost::json::value(true);
  if (name == "false") return boost::json::value(false);
  if (name == "null") return boost::json::value(nullptr);
  if (name == "Infinity" || name == "NaN") {
    at_ = begin;
    return number();
  }
  return fail_at(begin, "expected a value, found a bare word", "Text needs quotes");
}

}  // namespace json5

Result<boost::json::value> parse_json5(std::string_view text, std::string_view name, Json5Options options) {
  return json5::Parser(text, name, options).document();
}

}  // namespace b2b
