#include "core/crypto/key.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/crypto/vectors.h"

using namespace b2b;
using b2b::test::unhex;

namespace {

std::string hex(Key const& key) { return to_hex(key.bytes()); }

Salt salt_number(std::uint8_t n) {
  Salt salt{};
  salt[0] = n;
  return salt;
}

}  // namespace

TEST_CASE("scrypt: the vectors of RFC 7914, their first 32 bytes") {
  CHECK(hex(scrypt(Secret(""), {}, 16, 1, 1).value()) == "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
  CHECK(hex(scrypt(Secret("password"), as_bytes("NaCl"), 1024, 8, 16).value()) ==
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
  CHECK(hex(scrypt(Secret("pleaseletmein"), as_bytes("SodiumChloride"), 16384, 8, 1).value()) ==
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
}

TEST_CASE("scrypt takes 64 MB when told, and refuses what is invalid or too big") {
  CHECK(scrypt(Secret("x"), {}, 65536, 8, 1));
  struct Parameters {
    std::uint64_t n;
    std::uint32_t r, p;
  };
  for (auto const& bad : {Parameters{0, 8, 1}, Parameters{1, 8, 1}, Parameters{1000, 8, 1}, Parameters{16384, 0, 1},
                          Parameters{16384, 8, 0}, Parameters{std::uint64_t{1} << 18, 8, 1}, Parameters{std::uint64_t{1} << 63, 8, 1},
                          Parameters{2, 0xFFFFFFFF, 1}, Parameters{2, 1, 0xFFFFFFFF}}) {
    INFO(bad.n << " " << bad.r << " " << bad.p);
    auto const key = scrypt(Secret("x"), {}, bad.n, bad.r, bad.p);
    REQUIRE_FALSE(key);
    CHECK(key.error().condition == Condition::unsupported);
  }
}

TEST_CASE("HKDF-SHA256: the cases of RFC 5869, their first 32 bytes") {
  auto const input = std::string(22, '\x0b');
  CHECK(to_hex(hkdf_sha256(as_bytes(input), as_bytes(unhex("000102030405060708090a0b0c")), unhex("f0f1f2f3f4f5f6f7f8f9"))) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
  std::string long_input, long_salt, long_info;
  for (int i = 0; i < 80; ++i) {
    long_input += static_cast<char>(i);
    long_salt += static_cast<char>(0x60 + i);
    long_info += static_cast<char>(0xb0 + i);
  }
  CHECK(to_hex(hkdf_sha256(as_bytes(long_input), as_bytes(long_salt), long_info)) ==
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
  CHECK(to_hex(hkdf_sha256(as_bytes(input), {}, "")) == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST_CASE("each purpose has a key of its own") {
  std::array<std::uint8_t, 32> bytes{};
  for (std::uint8_t i = 0; i < bytes.size(); ++i) bytes[i] = i;
  Key const key(bytes);
  CHECK(hex(hkdf(key, "b2backupd manifest v1")) == "6e4d1957022488eedb25c11ca2be83eaeb32f36339a8db0f873797883a1e2c32");
  CHECK(hex(hkdf(key, "b2backupd manifest v1")) != hex(hkdf(key, "b2backupd manifest v2")));
  Salt salt{};
  for (std::uint8_t i = 0; i < salt.size(); ++i) salt[i] = static_cast<std::uint8_t>(0x40 + i);
  CHECK(hex(hkdf(key, salt, "b2backupd packed pack v1")) == "be4cc3b934bfe9f848161efd80457e862da95aea708abf66fc6cae35b4a543c1");
}

TEST_CASE("a keyring derives each key once") {
  Keyring keyring({Secret("current"), Secret("former")});
  CHECK(keyring.size() == 2);
  auto const first = keyring.key(0, salt_number(1)).value();
  CHECK(hex(first) == hex(scrypt(Secret("current"), salt_number(1)).value()));
  CHECK(hex(keyring.key(1, salt_number(1)).value()) == hex(scrypt(Secret("former"), salt_number(1)).value()));
  // Ten thousand derivations would take minutes: the timeout of the test program tells.
  for (int i = 0; i < 10'000; ++i) REQUIRE(hex(keyring.key(0, salt_number(1)).value()) == hex(first));
}

TEST_CASE("a keyring remembers which passphrase worked") {
  Keyring keyring({Secret("current"), Secret("former")});
  CHECK(keyring.preferred() == 0);
  keyring.set_preferred(1);
  CHECK(keyring.preferred() == 1);
  CHECK(Keyring({}).empty());
  CHECK(Keyring({}).preferred() == 0);
}

TEST_CASE("a keyring at its limit forgets the key used longest ago and derives it again") {
  for (std::size_t limit : {0U, 1U, 2U}) {
    Keyring keyring({Secret("current")}, limit);
    for (std::uint8_t n : {1, 2, 1, 3, 1, 2, 2}) {
      INFO("limit " << limit << ", salt " << int{n});
      CHECK(hex(keyring.key(0, salt_number(n)).value()) == hex(scrypt(Secret("current"), salt_number(n)).value()));
    }
  }
}

TEST_CASE("threads share a keyring") {
  Keyring keyring({Secret("current"), Secret("former")}, 3);
  std::vector<std::string> expected;
  for (std::uint8_t n = 0; n < 4; ++n) expected.push_back(hex(scrypt(Secret("current"), salt_number(n)).value()));
  std::vector<char> right(4, 0);
  std::vector<std::thread> threads;
  for (auto& ok : right)
    threads.emplace_back([&] {
      bool all = true;
      for (std::uint8_t i = 0; i < 12; ++i) {
        std::uint8_t const n = i % 4;
        auto const key = keyring.key(0, salt_number(n));
        all = all && key && hex(*key) == expected[n];
        keyring.set_preferred(i % 2);
        all = all && keyring.preferred() < 2;
      }
      ok = all ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == std::vector<char>(4, 1));
}

TEST_CASE("two keys are derived at a time, never three, and each of them once") {
  constexpr std::size_t threads_per_salt = 3;
  constexpr std::uint8_t salts = 4;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t inside = 0, most_inside = 0;
  bool alone = false;
  std::map<Salt, int> derived;
  Keyring keyring({Secret("current")}, 4096, [&](Secret const&, Salt const& salt) -> Result<Key> {
    std::unique_lock lock(mutex);
    ++derived[salt];
    most_inside = std::max(most_inside, ++inside);
    changed.notify_all();
    // The first waits for a second one. The time limit only ends the test when nobody comes.
    alone = alone || !changed.wait_for(lock, std::chrono::seconds(20), [&] { return most_inside >= 2; });
    --inside;
    return Key(salt);
  });
  std::vector<char> right(threads_per_salt * salts, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < right.size(); ++i)
    threads.emplace_back([&, i] {
      Salt const salt = salt_number(static_cast<std::uint8_t>(i % salts));
      auto const key = keyring.key(0, salt);
      right[i] = key && hex(*key) == hex(Key(salt)) ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == std::vector<char>(right.size(), 1));
  CHECK_FALSE(alone);
  CHECK(most_inside == 2);
  CHECK(derived.size() == salts);
  for (auto const& [salt, times] : derived) CHECK(times == 1);
}

TEST_CASE("a derivation that fails gives its turn back") {
  bool fail = true;
  Keyring keyring({Secret("current")}, 4096, [&](Secret const&, Salt const& salt) -> Result<Key> {
    if (fail) return make_error(Condition::unsupported, "no memory");
    return Key(salt);
  });
  for (std::uint8_t n = 0; n < 5; ++n) CHECK_FALSE(keyring.key(0, salt_number(n)));
  fail = false;
  CHECK(keyring.key(0, salt_number(1)));
}
