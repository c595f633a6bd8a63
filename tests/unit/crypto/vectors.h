// A B2EN object made once by other code (Python's hashlib.scrypt and the AESGCM of its cryptography package).
#pragma once

#include <string>

#include "core/crypto/b2en.h"
#include "core/util/encoding.h"

namespace b2b::test {

inline std::string unhex(std::string_view hex) { return std::string(as_text(from_hex(hex).value())); }

inline constexpr std::string_view vector_passphrase = "correct horse battery staple";
inline constexpr std::string_view vector_plaintext = "The quick brown agent remembers.\n";

inline std::string vector_object() {
  return unhex(
      "4232454e"
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
      "a0a1a2a3a4a5a6a7a8a9aaab"
      "2aa1542e900ffc1837c48ad650763e0e"
      "e956f41920bdbaeb974a427b152f9bf351379682741d9f3ed91ada17bc3be693ec");
}

// The object of the empty text under the same key and IV.
inline std::string empty_vector_object() {
  return unhex(
      "4232454e"
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
      "a0a1a2a3a4a5a6a7a8a9aaab"
      "84853fdf3a9584c2abcc3eb3d5f9126e");
}

inline Salt vector_salt() { return parse_b2en_header(vector_object()).value().salt; }
inline GcmIv vector_iv() { return parse_b2en_header(vector_object()).value().iv; }
inline Key vector_key() { return scrypt(Secret(vector_passphrase), vector_salt()).value(); }

}  // namespace b2b::test
