#include "daemon/setup/passphrase.h"

#include <algorithm>
#include <set>

#include "core/crypto/hash.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::setup;

namespace {

Secret random_passphrase() {
  PassphraseEntropy random{};
  random_bytes(random);
  return make_passphrase(random);
}

}  // namespace

TEST_CASE("passphrase: eight groups of five, 200 bits") {
  STATIC_REQUIRE(passphrase_bits >= 160);
  PassphraseEntropy random{};
  CHECK(make_passphrase(random).reveal() == "00000-00000-00000-00000-00000-00000-00000-00000");
  random.fill(0xff);
  CHECK(make_passphrase(random).reveal() == "zzzzz-zzzzz-zzzzz-zzzzz-zzzzz-zzzzz-zzzzz-zzzzz");
  for (std::size_t i = 0; i < random.size(); ++i)
    random[i] = static_cast<std::uint8_t>(i * 37 + 1);
  std::string const text(make_passphrase(random).reveal());
  CHECK(text.size() == 47);
  CHECK(std::count(text.begin(), text.end(), '-') == 7);
  CHECK(text.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz-") == std::string::npos);
}

TEST_CASE("passphrase: every bit of the random bytes shows") {
  PassphraseEntropy random{};
  std::set<std::string> seen{std::string(make_passphrase(random).reveal())};
  for (std::size_t bit = 0; bit < random.size() * 8; ++bit) {
    PassphraseEntropy one{};
    one[bit / 8] = static_cast<std::uint8_t>(1u << bit % 8);
    seen.insert(std::string(make_passphrase(one).reveal()));
  }
  CHECK(seen.size() == passphrase_bits + 1);
  CHECK_FALSE(random_passphrase() == random_passphrase());
}

TEST_CASE("passphrase: the last group proves that it was kept") {
  PassphraseEntropy random{};
  random.fill(0x42);
  random.back() = 0x20;
  Secret const passphrase = make_passphrase(random);
  std::string const group(last_group(passphrase));
  CHECK(group.size() == 5);
  CHECK(proves_kept(passphrase, group));
  CHECK(proves_kept(passphrase, " " + group + " "));
  CHECK(proves_kept(passphrase, passphrase.reveal()));
  std::string capitals = group;
  std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  CHECK(proves_kept(passphrase, capitals));
  CHECK_FALSE(proves_kept(passphrase, ""));
  CHECK_FALSE(proves_kept(passphrase, "-"));
  CHECK_FALSE(proves_kept(passphrase, group.substr(1)));
  CHECK_FALSE(proves_kept(
      passphrase, passphrase.reveal().substr(0, 5) == group ? "00000" : passphrase.reveal().substr(0, 5)));
  Secret const zeros(std::string_view("abcde-0101z"));
  CHECK(proves_kept(zeros, "OlOIZ"));  // as a person reads it from paper
}
