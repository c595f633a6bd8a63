#include "core/crypto/digest_thread.h"

#include <algorithm>
#include <string>

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("a digest by another thread is that of all pieces in order", "[digest_thread]") {
  for (std::size_t const bytes : {0U, 1U, 999U, 1000U, 1001U, 250'000U}) {
    CAPTURE(bytes);
    std::string text(bytes, '\0');
    random_bytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    DigestThread digest(1000);
    std::string_view rest = text;
    std::string seen;
    while (!rest.empty()) {
      auto const room = digest.room();
      REQUIRE(room.size() == 1000);
      auto const piece = rest.substr(0, seen.size() % 7 == 0 ? room.size() : room.size() / 3);
      std::copy(piece.begin(), piece.end(), room.begin());
      digest.update(piece.size());
      seen += as_text(room.first(piece.size()));  // read here while it is hashed there
      rest.remove_prefix(piece.size());
    }
    CHECK(seen == text);
    CHECK(digest.finish() == sha256(text));
  }
}

TEST_CASE("a digest that nobody wants any more ends with its owner", "[digest_thread]") {
  for (int pieces = 0; pieces < 4; ++pieces) {
    DigestThread digest(64 << 10);
    for (int i = 0; i < pieces; ++i) {
      auto const room = digest.room();
      std::fill(room.begin(), room.end(), std::uint8_t{7});
      digest.update(room.size());
    }
  }
  CHECK(DigestThread(10).finish() == sha256(""));
}

TEST_CASE("short and long contents have the digest of their pieces", "[digest_thread]") {
  for (std::size_t const bytes : {5U, 4U << 20, (4U << 20) + 7}) {
    std::string const text(bytes, 'x');
    PieceDigest digest(bytes, 128 << 10);
    for (std::size_t at = 0; at < bytes;) {
      auto const room = digest.room();
      auto const piece = std::string_view(text).substr(at, room.size());
      std::copy(piece.begin(), piece.end(), room.begin());
      digest.update(piece.size());
      at += piece.size();
    }
    CHECK(digest.finish() == sha256(text));
  }
}
