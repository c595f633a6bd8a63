// Characters of a JSON5 text: UTF-8 decoding and the character classes of the grammar. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace b2b::json5 {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // bytes in the text; 0: the end, or not UTF-8
};

// The character at byte offset `at`. RFC 3629: overlong forms, surrogates and values above U+10FFFF are not
// UTF-8.
CodePoint decode_utf8(std::string_view text, std::size_t at);
void append_utf8(std::string& text, char32_t code);

bool is_line_terminator(char32_t code);  // LF, CR, U+2028, U+2029
bool is_white_space(char32_t code);      // line terminators included
bool is_identifier_start(char32_t code);
bool is_identifier_part(char32_t code);
inline bool is_digit(char32_t code) {
  return code >= U'0' && code <= U'9';
}
int hex_digit(char32_t code);  // -1 when it is none

}  // namespace b2b::json5
