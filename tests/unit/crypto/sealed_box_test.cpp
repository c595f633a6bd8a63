#include "core/crypto/sealed_box.h"

#include "tests/support/catch.h"
#include "tests/unit/crypto/vectors.h"

using namespace b2b;
using b2b::test::unhex;

namespace {

template <std::size_t Size>
std::array<std::uint8_t, Size> array_of(std::string_view hex) {
  Bytes const bytes = from_hex(hex).value();
  std::array<std::uint8_t, Size> out{};
  B2B_ASSERT(bytes.size() == Size);  // outside any test
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// Case 16 of the specification of GCM (McGrew and Viega): AES-256 with additional data.
Key const case_key(array_of<32>("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
GcmIv const case_nonce = array_of<12>("cafebabefacedbaddecaf888");
std::string const case_additional = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
std::string const case_plaintext = unhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
    "aa0de657ba637b39");
std::string const case_box = unhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e63"
    "93ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b");

}  // namespace

TEST_CASE("a box is case 16 of GCM's specification, and opens") {
  std::string box;
  seal_box(case_key, case_nonce, as_bytes(case_additional), as_bytes(case_plaintext), box);
  CHECK(to_hex(as_bytes(box)) == to_hex(as_bytes(case_box)));
  std::string opened;
  CHECK(open_box(case_key, case_nonce, as_bytes(case_additional), as_bytes(case_box), opened));
  CHECK(opened == case_plaintext);
}

TEST_CASE("boxes of nothing: case 13, and additional data alone as in MACsec's example") {
  std::string box;
  seal_box(Key(), GcmIv{}, {}, {}, box);
  CHECK(to_hex(as_bytes(box)) == "530f8afbc74536b9a963b4f1c4cb738b");
  Key const key(array_of<32>("e3c08a8f06c6e3ad95a70557b23f75483ce33021a9c72b7025666204c69c0b72"));
  auto const nonce = array_of<12>("12153524c0895e81b2c28465");
  std::string const additional = unhex(
      "d609b1f056637a0d46df998d88e5222ab2c2846512153524c0895e8108000f101112131415161718191a1b1c1d1e1f"
      "202122232425262728292a2b2c2d2e2f30313233340001");
  box.clear();
  seal_box(key, nonce, as_bytes(additional), {}, box);
  CHECK(to_hex(as_bytes(box)) == "2f0bc5af409e06d609ea8b7d0fa5ea50");
  std::string opened = "kept";
  CHECK(open_box(key, nonce, as_bytes(additional), as_bytes(box), opened));
  CHECK(opened == "kept");
}

TEST_CASE("one cipher makes the boxes that a fresh one makes, in any order of sealing and opening") {
  BoxCipher cipher(case_key);
  std::string boxes;
  for (std::uint8_t i = 0; i < 100; ++i) {
    GcmIv const nonce{i};
    std::string const plaintext(i * 7U, static_cast<char>(i));
    std::string const additional(i % 40U, 'a');
    std::size_t const start = boxes.size();
    cipher.seal(nonce, as_bytes(additional), as_bytes(plaintext), boxes);
    std::string alone;
    seal_box(case_key, nonce, as_bytes(additional), as_bytes(plaintext), alone);
    REQUIRE(boxes.substr(start) == alone);
    std::string opened = "before";
    REQUIRE(cipher.open(nonce, as_bytes(additional), as_bytes(alone), opened));
    REQUIRE(opened == "before" + plaintext);
    alone.back() ^= 1;  // and a failure leaves nothing behind
    REQUIRE_FALSE(cipher.open(nonce, as_bytes(additional), as_bytes(alone), opened));
  }
  BoxCipher moved = std::move(cipher);
  std::string box;
  moved.seal(case_nonce, as_bytes(case_additional), as_bytes(case_plaintext), box);
  CHECK(box == case_box);
}

TEST_CASE("what was changed anywhere does not open and gives nothing out") {
  BoxCipher cipher(case_key);
  std::string out = "kept";
  for (std::size_t at = 0; at < case_box.size(); ++at) {
    std::string changed = case_box;
    changed[at] ^= 0x40;
    REQUIRE_FALSE(cipher.open(case_nonce, as_bytes(case_additional), as_bytes(changed), out));
    REQUIRE_FALSE(cipher.open(case_nonce, as_bytes(case_additional), as_bytes(case_box.substr(0, at)), out));
  }
  std::string additional = case_additional;
  additional[3] ^= 1;
  CHECK_FALSE(cipher.open(case_nonce, as_bytes(additional), as_bytes(case_box), out));
  CHECK_FALSE(cipher.open(case_nonce, {}, as_bytes(case_box), out));
  CHECK_FALSE(cipher.open(GcmIv{}, as_bytes(case_additional), as_bytes(case_box), out));
  CHECK_FALSE(open_box(Key(), case_nonce, as_bytes(case_additional), as_bytes(case_box), out));
  CHECK_FALSE(cipher.open(case_nonce, as_bytes(case_additional), as_bytes(case_box + "x"), out));
  CHECK(out == "kept");
  CHECK(cipher.open(case_nonce, as_bytes(case_additional), as_bytes(case_box), out));
  CHECK(out == "kept" + case_plaintext);
}
