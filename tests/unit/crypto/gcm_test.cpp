#include "core/crypto/gcm.h"

#include "tests/support/catch.h"
#include "tests/unit/crypto/vectors.h"

using namespace b2b;
using b2b::test::unhex;

namespace {

std::span<std::uint8_t> bytes_of(std::string& text) { return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}; }

Key zero_key() { return Key(std::array<std::uint8_t, 32>{}); }

}  // namespace

TEST_CASE("AES-256-GCM: cases 13 and 14 of its specification") {
  GcmCipher nothing(GcmCipher::Direction::encrypt, zero_key(), GcmIv{});
  CHECK(to_hex(nothing.finish_encrypting()) == "530f8afbc74536b9a963b4f1c4cb738b");
  GcmCipher zeros(GcmCipher::Direction::encrypt, zero_key(), GcmIv{});
  std::string text(16, '\0');
  zeros.update(bytes_of(text));
  CHECK(text == unhex("cea7403d4d606b6e074ec5d3baf39d18"));
  CHECK(to_hex(zeros.finish_encrypting()) == "d0d1c8a799996bf0265b98b5d48ab919");
}

TEST_CASE("pieces of any size make the same message, and a changed bit is found") {
  std::string const plaintext(1000, 'p');
  std::string whole = plaintext;
  GcmCipher at_once(GcmCipher::Direction::encrypt, zero_key(), GcmIv{1});
  at_once.update(bytes_of(whole));
  auto const tag = at_once.finish_encrypting();
  for (std::size_t step : {1U, 7U, 16U, 33U, 999U}) {
    std::string text = whole;
    GcmCipher cipher(GcmCipher::Direction::decrypt, zero_key(), GcmIv{1});
    for (std::size_t at = 0; at < text.size(); at += step) cipher.update(bytes_of(text).subspan(at, std::min(step, text.size() - at)));
    CHECK(cipher.verify(tag));
    CHECK(text == plaintext);
  }
  std::string damaged = whole;
  damaged[500] ^= 1;
  GcmCipher cipher(GcmCipher::Direction::decrypt, zero_key(), GcmIv{1});
  cipher.update(bytes_of(damaged));
  GcmCipher moved = std::move(cipher);
  CHECK_FALSE(moved.verify(tag));
}
