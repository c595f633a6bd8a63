// Objects written by the programs whose format this is.
#include <algorithm>
#include <boost/json.hpp>

#include "core/crypto/b2en.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/scratch.h"

using namespace b2b;

namespace {

constexpr std::uint64_t enough = 64 << 20;

std::string text_of(boost::json::value const& value) { return std::string(std::string_view(value.as_string())); }

}  // namespace

TEST_CASE("every object of the fixtures opens to the plaintext it was made from") {
  B2B_REQUIRE_SHARED(shared);
  std::string const folder = shared + "/fixtures/plugin-layout";
  auto const index = boost::json::parse(read_file(folder + "/index.json", enough).value());
  Keyring keyring({Secret("not the one"), Secret(text_of(index.at("passphrase")))});
  test::Scratch const scratch;
  int encrypted = 0, plain = 0;
  for (auto const& set : index.at("sets").as_object()) {
    bool const is_encrypted = set.value().at("encrypt").as_bool();
    for (auto const& object : set.value().at("objects").as_object()) {
      std::string const path = folder + "/" + std::string(std::string_view(set.key())) + "/objects/" + std::string(std::string_view(object.key()));
      INFO(path);
      auto const& facts = object.value();
      auto const expected = from_hex(text_of(facts.at(is_encrypted ? "plainSha256" : "sha256"))).value();
      Sha256Digest hash{};
      std::copy(expected.begin(), expected.end(), hash.begin());
      auto const size = facts.at(is_encrypted ? "plainSize" : "size").to_number<std::uint64_t>();
      auto const target = scratch / std::to_string(encrypted + plain);
      auto const opened = open_body(path, target, keyring, &hash, size);
      REQUIRE(opened);
      CHECK(opened->mode == (is_encrypted ? BodyMode::encrypted : BodyMode::plaintext));
      CHECK(sha256(read_file(target, enough).value()) == hash);
      if (is_encrypted) {
        CHECK(opened->key_index == 1);
        CHECK(open_bytes(read_file(path, enough).value(), keyring, nullptr, size));
      }
      ++(is_encrypted ? encrypted : plain);
    }
  }
  CHECK(encrypted >= 20);
  CHECK(plain >= 20);
}
