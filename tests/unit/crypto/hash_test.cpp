#include "core/crypto/hash.h"

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/crypto/vectors.h"

using namespace b2b;
using b2b::test::unhex;

namespace {

std::string hex(std::span<std::uint8_t const> bytes) { return to_hex(bytes); }

std::string md5(std::string_view text) {
  Md5 hash;
  hash.update(as_bytes(text));
  return hex(hash.finish());
}

}  // namespace

TEST_CASE("SHA-256: the examples of FIPS 180") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(sha256(std::string(1'000'000, 'a'))) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a digest takes its message in pieces and is then ready for another") {
  Sha256 hash;
  for (int i = 0; i < 1000; ++i) hash.update(std::string(1000, 'a'));
  CHECK(hash.finish() == sha256(std::string(1'000'000, 'a')));
  hash.update(std::string_view("abc"));
  Sha256 moved = std::move(hash);
  CHECK(moved.finish() == sha256("abc"));
  CHECK(moved.finish() == sha256(""));
}

TEST_CASE("MD5: examples of RFC 1321") {
  CHECK(md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(md5("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST_CASE("HMAC-SHA256: the cases of RFC 4231") {
  struct Case {
    std::string key, message, mac;
  };
  std::vector<Case> const cases{
      {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {unhex("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed "
       "before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
      {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},  // not in the RFC: nothing at all
  };
  for (auto const& c : cases) {
    INFO(c.message);
    CHECK(hex(hmac_sha256(as_bytes(c.key), c.message)) == c.mac);
    HmacSha256 in_pieces(as_bytes(c.key));
    for (char const byte : c.message) in_pieces.update({&byte, 1});
    HmacSha256 moved = std::move(in_pieces);
    CHECK(hex(moved.finish()) == c.mac);
  }
}

TEST_CASE("comparison in constant time compares") {
  auto const a = sha256("a");
  auto b = a;
  CHECK(equal_in_constant_time(a, b));
  b.back() ^= 1;
  CHECK_FALSE(equal_in_constant_time(a, b));
  CHECK_FALSE(equal_in_constant_time(a, std::span(a).first(31)));
  CHECK(equal_in_constant_time({}, {}));
}

TEST_CASE("random bytes differ") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    std::vector<std::uint8_t> bytes(16);
    random_bytes(bytes);
    CHECK(seen.emplace(as_text(bytes)).second);
  }
  std::vector<std::uint8_t> big((2 << 20) + 5, 0);
  random_bytes(big);
  CHECK(std::any_of(big.end() - 5, big.end(), [](auto b) { return b != 0; }));
  random_bytes({});
}

TEST_CASE("threads hash at the same time") {
  auto const expected = sha256("abc");
  std::vector<char> right(4, 0);
  std::vector<std::thread> threads;
  for (auto& ok : right)
    threads.emplace_back([&] {
      bool all = true;
      for (int i = 0; i < 200; ++i) all = all && sha256("abc") == expected && hmac_sha256({}, "x") == hmac_sha256({}, "x");
      ok = all ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == std::vector<char>(4, 1));
}
