#include <sys/stat.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "core/crypto/b2en.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"
#include "tests/unit/crypto/vectors.h"

using namespace b2b;
using namespace b2b::test;

namespace {

Keyring right_key() { return Keyring({Secret(vector_passphrase)}); }

std::string encrypt(std::string text) {
  auto const source =
      B2enSource::create(std::make_shared<MemorySource>(std::move(text)), vector_key(), vector_salt(), vector_iv()).value();
  auto const reader = source->open().value();
  std::vector<std::uint8_t> buffer(static_cast<std::size_t>(source->size()));
  REQUIRE(reader->read(buffer).value() == buffer.size());
  return std::string(as_text(buffer));
}

// Opens in memory and by file, small and large alike, and insists that both say the same.
struct Opened {
  std::optional<Error> error;
  std::string plaintext;
  OpenedBody body;
};

Opened open_both(std::string const& stored, Keyring& keyring, std::optional<Sha256Digest> hash, std::optional<std::uint64_t> size) {
  Sha256Digest const* const expected = hash ? &*hash : nullptr;
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "stored", stored));
  auto const preferred = keyring.preferred();
  auto const by_file = open_body(scratch / "stored", scratch / "plain", keyring, expected, size);
  if (!keyring.empty()) keyring.set_preferred(preferred);
  auto const in_memory = open_bytes(stored, keyring, expected, size);
  REQUIRE(by_file.has_value() == in_memory.has_value());
  if (!by_file) {
    CHECK_FALSE(path_exists(scratch / "plain"));
    CHECK(by_file.error().condition == in_memory.error().condition);
    CHECK(by_file.error().text() == in_memory.error().text());
    return {in_memory.error(), {}, {}};
  }
  auto const& opened = in_memory.value();
  struct stat status {};
  REQUIRE(::stat((scratch / "plain").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(read_file(scratch / "plain", 64 << 20).value() == opened.plaintext);
  CHECK(by_file.value().mode == opened.body.mode);
  CHECK(by_file.value().key_index == opened.body.key_index);
  return {std::nullopt, opened.plaintext, opened.body};
}

// Below and above the size up to which stored files are opened in one pass.
std::string const texts[] = {std::string(vector_plaintext), std::string(), std::string((1 << 20) + 12345, 'L')};

}  // namespace

TEST_CASE("the known object opens") {
  auto keyring = right_key();
  auto const opened = open_both(vector_object(), keyring, sha256(vector_plaintext), vector_plaintext.size());
  CHECK_FALSE(opened.error);
  CHECK(opened.plaintext == vector_plaintext);
  CHECK(opened.body.mode == BodyMode::encrypted);
  CHECK(open_both(empty_vector_object(), keyring, sha256(""), 0).plaintext.empty());
}

TEST_CASE("what was encrypted opens, with and without an expectation") {
  for (auto const& text : texts) {
    INFO(text.size() << " bytes");
    auto keyring = right_key();
    auto const stored = encrypt(text);
    CHECK(open_both(stored, keyring, sha256(text), text.size()).plaintext == text);
    CHECK(open_both(stored, keyring, std::nullopt, std::nullopt).plaintext == text);
    CHECK(open_both(stored, keyring, sha256(text), std::nullopt).plaintext == text);
  }
}

TEST_CASE("a body without the magic passes when it is what is expected") {
  for (auto const& text : texts) {
    INFO(text.size() << " bytes");
    Keyring keyring({});
    auto const opened = open_both(text, keyring, sha256(text), text.size());
    CHECK(opened.plaintext == text);
    CHECK(opened.body.mode == BodyMode::plaintext);
    CHECK(open_both(text, keyring, std::nullopt, std::nullopt).plaintext == text);
    CHECK(open_both(text, keyring, sha256("other"), text.size()).error.value().condition == Condition::corrupt);
    CHECK(open_both(text, keyring, sha256(text), text.size() + 1).error.value().condition == Condition::corrupt);
  }
}

TEST_CASE("a plaintext that starts with the magic passes when its hash is the expected one") {
  std::string const small = "B2EN";
  std::string const medium = "B2EN" + std::string(200, 'x');
  std::string const large = "B2EN" + std::string(1 << 21, 'x');
  std::string const encrypted_by_its_owner = vector_object();
  for (auto const& text : {small, medium, large, encrypted_by_its_owner}) {
    INFO(text.size() << " bytes");
    for (bool with_key : {false, true}) {
      for (bool with_size : {false, true}) {
        Keyring keyring(with_key ? std::vector{Secret(vector_passphrase)} : std::vector<Secret>{});
        auto const size = with_size ? std::optional<std::uint64_t>(text.size()) : std::nullopt;
        auto const opened = open_both(text, keyring, sha256(text), size);
        REQUIRE_FALSE(opened.error);
        CHECK(opened.plaintext == text);
        CHECK(opened.body.mode == BodyMode::plaintext);
      }
    }
  }
}

TEST_CASE("an object whose plaintext itself starts with the magic opens once, not twice") {
  auto keyring = right_key();
  for (auto const& text : {vector_object(), "B2EN" + std::string(1 << 21, 'x')})
    CHECK(open_both(encrypt(text), keyring, sha256(text), text.size()).plaintext == text);
}

TEST_CASE("a large owner-encrypted plaintext that our key happens to open is settled by its hash") {
  auto keyring = right_key();
  auto const text = encrypt(std::string(1 << 21, 'y'));
  auto const opened = open_both(text, keyring, sha256(text), std::nullopt);
  REQUIRE_FALSE(opened.error);
  CHECK(opened.plaintext == text);
  CHECK(opened.body.mode == BodyMode::plaintext);
}

TEST_CASE("a wrong key is named, and where keys are configured") {
  for (auto const& text : texts) {
    INFO(text.size() << " bytes");
    Keyring wrong({Secret("wrong"), Secret("also wrong")});
    Keyring none({});
    auto const stored = encrypt(text);
    for (Keyring* keyring : {&wrong, &none}) {
      for (bool with_hash : {false, true}) {
        auto const opened = open_both(stored, *keyring, with_hash ? std::optional(sha256(text)) : std::nullopt, text.size());
        REQUIRE(opened.error);
        CHECK(opened.error->condition == Condition::wrong_key);
        for (auto const* key : {"encryptionKey", "applicationKey", "decryptionKeys"})
          CHECK(opened.error->advice.find(key) != std::string::npos);
      }
    }
  }
}

TEST_CASE("a former passphrase opens, and is then tried first") {
  for (auto const& text : texts) {
    Keyring keyring({Secret("current"), Secret(vector_passphrase), Secret("older")});
    auto const opened = open_both(encrypt(text), keyring, sha256(text), text.size());
    CHECK(opened.plaintext == text);
    CHECK(opened.body.key_index == 1);
    CHECK(keyring.preferred() == 1);
    keyring.set_preferred(2);  // trying goes round
    CHECK(open_both(encrypt(text), keyring, sha256(text), text.size()).body.key_index == 1);
  }
}

TEST_CASE("damage anywhere is found") {
  for (auto const& text : {texts[0], texts[2]}) {
    auto keyring = right_key();
    auto const stored = encrypt(text);
    for (std::size_t at : {std::size_t{40}, std::size_t{50}, std::size_t{64}, stored.size() - 1}) {
      auto damaged = stored;
      damaged[at] ^= 1;
      INFO("byte " << at << " of " << stored.size());
      CHECK(open_both(damaged, keyring, sha256(text), text.size()).error.value().condition == Condition::wrong_key);
      CHECK(open_both(damaged, keyring, std::nullopt, std::nullopt).error.value().condition == Condition::wrong_key);
    }
    CHECK(open_both(stored.substr(0, stored.size() - 1), keyring, sha256(text), text.size()).error);
    CHECK(open_both(stored + "x", keyring, sha256(text), text.size()).error);
    auto damaged = stored;
    damaged[0] = 'b';
    CHECK(open_both(damaged, keyring, sha256(text), text.size()).error.value().condition == Condition::corrupt);
  }
}

TEST_CASE("an object that opens to something else is corrupt") {
  for (auto const& text : texts) {
    auto keyring = right_key();
    auto const stored = encrypt(text);
    auto const hash = open_both(stored, keyring, sha256("other"), text.size());
    CHECK(hash.error.value().condition == Condition::corrupt);
    CHECK(hash.error->message.find(to_hex(sha256(text))) != std::string::npos);
    auto const size = open_both(stored, keyring, std::nullopt, text.size() + 1);
    CHECK(size.error.value().condition == Condition::corrupt);
    CHECK(size.error->message.find(std::to_string(text.size() + 1)) != std::string::npos);
  }
}

TEST_CASE("an object that ends inside its header is corrupt") {
  auto keyring = right_key();
  CHECK(open_both(vector_object().substr(0, 63), keyring, std::nullopt, std::nullopt).error.value().condition == Condition::corrupt);
  CHECK(open_both("B2EN", keyring, sha256("x"), 1).error.value().condition == Condition::corrupt);
}

TEST_CASE("opening touches nothing that is already there") {
  Scratch const scratch;
  auto keyring = right_key();
  REQUIRE(atomic_write_file(scratch / "stored", vector_object()));
  REQUIRE(atomic_write_file(scratch / "plain", "mine"));
  CHECK(open_body(scratch / "stored", scratch / "plain", keyring, nullptr, std::nullopt).error().system_errno == EEXIST);
  CHECK(read_file(scratch / "plain", 10).value() == "mine");
  CHECK(open_body(scratch / "none", scratch / "new", keyring, nullptr, std::nullopt).error().condition == Condition::not_found);
  CHECK_FALSE(path_exists(scratch / "new"));
}

TEST_CASE("threads open objects with one keyring") {
  Keyring keyring({Secret("current"), Secret(vector_passphrase)});
  auto const small = vector_object();
  auto const large = encrypt(texts[2]);
  Scratch const scratch;
  REQUIRE(atomic_write_file(scratch / "large", large));
  std::vector<char> right(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < right.size(); ++t)
    threads.emplace_back([&, t] {
      auto const a = open_bytes(small, keyring, nullptr, vector_plaintext.size());
      auto const b = open_body(scratch / "large", scratch / ("plain" + std::to_string(t)), keyring, nullptr, texts[2].size());
      right[t] = a && b && a->plaintext == vector_plaintext && b->key_index == 1;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == std::vector<char>(4, 1));
}
