#include "core/config/json5_text.h"

#include <cstdint>

namespace b2b::json5 {

CodePoint decode_utf8(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  auto const byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  std::uint8_t const first = byte(at);
  if (first < 0x80) return {first, 1};

  std::size_t length = 0;
  char32_t code = 0;
  char32_t smallest = 0;
  if ((first & 0xe0) == 0xc0) {
    length = 2, code = first & 0x1fu, smallest = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, code = first & 0x0fu, smallest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, code = first & 0x07u, smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() - at < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(at + i) & 0x3fu);
  }
  bool const surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest || code > 0x10ffff || surrogate) return {};
  return {code, length};
}

void append_utf8(std::string& text, char32_t code) {
  auto const add = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | (code >> 6));
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | (code >> 12));
    add(0x80 | ((code >> 6) & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | (code >> 18));
    add(0x80 | ((code >> 12) & 0x3f));
    add(0x80 | ((code >> 6) & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

bool is_line_terminator(char32_t code) {
  return code == U'\n' || code == U'\r' || code == 0x2028 || code == 0x2029;
}

bool is_white_space(char32_t code) {
  switch (code) {
    case U'\t':
    case U'\v':
    case U'\f':
    case U' ':
    case 0x00a0:
    case 0xfeff:
    // The category "space separator" of Unicode.
    case 0x1680:
    case 0x202f:
    case 0x205f:
    case 0x3000:
      return true;
    default:
      return is_line_terminator(code) || (code >= 0x2000 && code <= 0x200a);
  }
}

bool is_identifier_start(char32_t code) {
  if (code < 0x80)
    return (code >= U'a' && code <= U'z') || (code >= U'A' && code <= U'Z') || code == U'$' || code == U'_';
  return !is_white_space(code) && code != 0x200c && code != 0x200d;
}

bool is_identifier_part(char32_t code) {
  return is_identifier_start(code) || is_digit(code) || code == 0x200c || code == 0x200d;
}

int hex_digit(char32_t code) {
  if (is_digit(code)) return static_cast<int>(code - U'0');
  if (code >= U'a' && code <= U'f') return static_cast<int>(code - U'a') + 10;
  if (code >= U'A' && code <= U'F') return static_cast<int>(code - U'A') + 10;
  return -1;
}

}  // namespace b2b::json5
