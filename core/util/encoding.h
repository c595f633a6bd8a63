// Hex, base64, URI and UTF-8: pure text functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace b2b {

using Bytes = std::vector<std::uint8_t>;

inline std::span<std::uint8_t const> as_bytes(std::string_view text) {
  return {reinterpret_cast<std::uint8_t const*>(text.data()), text.size()};
}
inline std::string_view as_text(std::span<std::uint8_t const> bytes) {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

std::string to_hex(std::span<std::uint8_t const> bytes);                // lower case
std::optional<Bytes> from_hex(std::string_view text);                   // either case; nullopt on odd length or other characters
std::string to_base64(std::span<std::uint8_t const> bytes);             // RFC 4648 section 4, padded
std::optional<Bytes> from_base64(std::string_view text);                // padded, no white space
bool is_valid_utf8(std::string_view text);                              // RFC 3629: no overlongs, no surrogates
// RFC 3986 percent-encoding as SigV4 wants it: unreserved characters stay, everything else becomes %XX, '/' as told.
std::string uri_encode(std::string_view text, bool keep_slash);
std::optional<std::string> uri_decode(std::string_view text);           // "%zz" is nullopt; '+' stays '+'
// Text with control characters and invalid UTF-8 made visible (\n, \x1b), for terminals, logs and messages.
std::string printable(std::string_view text);

}  // namespace b2b
