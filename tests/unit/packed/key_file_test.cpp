#include "core/packed/key_file.h"

#include <sys/stat.h>

#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

KeyFile example() {
  KeyFile file;
  file.repository[0] = 0xab;
  std::array<std::uint8_t, 32> key{};
  key[31] = 0xcd;
  file.master = Key(key);
  file.secrets[secret_digest(file.master, {SlotKind::passphrase, Secret("yes")})] = true;
  file.secrets[secret_digest(file.master, {SlotKind::passphrase, Secret("no")})] = false;
  return file;
}

std::string text_of(KeyFile const& file) {
  return std::string(format_key_file(file).reveal());
}

// What is logged while it lives.
struct LogLines {
  std::string text;
  LogLines() {
    set_log_sink([this](LogLevel, std::string_view line) { text += std::string(line) + "\n"; });
  }
  ~LogLines() { set_log_sink({}); }
};

}  // namespace

TEST_CASE("a key file holds the key and what is known of secrets", "[packed_key_file]") {
  std::string const text = text_of(example());
  CHECK(
      text.starts_with("b2backupd packed key v1\nrepository ab000000000000000000000000000000\nkey 00000000"));
  KeyFile const again = parse_key_file(text).value();
  CHECK(again.repository == example().repository);
  CHECK(to_hex(again.master.bytes()) == to_hex(example().master.bytes()));
  CHECK(again.secrets == example().secrets);
  CHECK(again.secrets.size() == 2);
}

TEST_CASE("digests of secrets tell kinds and keys apart", "[packed_key_file]") {
  Key const master = example().master;
  auto const digest = secret_digest(master, {SlotKind::passphrase, Secret("x")});
  CHECK(digest == secret_digest(master, {SlotKind::passphrase, Secret("x")}));
  CHECK(digest != secret_digest(master, {SlotKind::recovery, Secret("x")}));
  CHECK(digest != secret_digest(Key(), {SlotKind::passphrase, Secret("x")}));
}

TEST_CASE("a damaged key file is none", "[packed_key_file]") {
  std::string const text = text_of(example());
  for (std::size_t size = 0; size < text.size(); ++size)
    if (text[size == 0 ? 0 : size - 1] != '\n' || size < 100)
      REQUIRE_FALSE(parse_key_file(text.substr(0, size)));
  CHECK_FALSE(parse_key_file(text + "other line\n"));
  CHECK_FALSE(parse_key_file("x" + text));
  std::string many = text;
  for (int i = 0; i < 40; ++i)
    many += "fails " + to_hex(sha256(std::to_string(i))) + "\n";
  CHECK_FALSE(parse_key_file(many));
}

TEST_CASE("too many secrets are not remembered, the key is", "[packed_key_file]") {
  KeyFile file = example();
  for (int i = 0; i < 40; ++i)
    file.secrets[sha256(std::to_string(i))] = true;
  CHECK(parse_key_file(text_of(file)).value().secrets.empty());
}

TEST_CASE("a key file is the owner's alone, and only of the repository that is asked for",
          "[packed_key_file]") {
  test::Scratch const scratch;
  std::string const path = scratch / "packed.key";
  LogLines log;
  CHECK_FALSE(read_key_file(path, example().repository));
  REQUIRE(write_key_file(path, example()));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(read_key_file(path, example().repository).has_value());
  CHECK_FALSE(read_key_file(path, RepositoryId{}));
  CHECK(log.text.empty());
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK_FALSE(read_key_file(path, example().repository));
  CHECK(log.text.find("others than its owner may read it") != std::string::npos);
  REQUIRE(atomic_write_file(path, "rubbish"));
  CHECK_FALSE(read_key_file(path, example().repository));
  CHECK(log.text.find("it is damaged") != std::string::npos);
}
