#include "core/packed/key_slot.h"

#include "core/util/encoding.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

template <class Array>
Array counted_from(std::uint8_t first) {
  Array out{};
  for (auto& byte : out)
    byte = first++;
  return out;
}

auto const repository = counted_from<RepositoryId>(0x10);
auto const slot_id = counted_from<SlotId>(0x20);
Key const master(counted_from<std::array<std::uint8_t, 32>>(0));
SlotSecret const passphrase{SlotKind::passphrase, Secret("correct horse battery staple")};
TimePoint const noon = parse_iso8601("2026-02-19T12:00:00.123456Z").value();

// Made once from docs/format.md by other code (Python's hashlib.scrypt and the AESGCM of its cryptography
// package).
std::string const example =
    R"({"version": 1, "repository": "101112131415161718191a1b1c1d1e1f", "slot": "202122232425262728292a2b2c2d2e2f", "kind": "passphrase",
 "created": "2026-02-19T12:00:00.123Z", "label": "the old \"laptop\"",
 "kdf": {"name": "scrypt", "n": 16384, "r": 8, "p": 1, "salt": "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"},
 "nonce": "606162636465666768696a6b", "wrapped": "908bfec703e683826f8ce7fe413e6467bdfa76eaea99b415e55c1b9045aed8cef277f592f5a82890c236b76228402874"}
)";

std::string with(std::string_view from, std::string_view to) {
  std::string out = example;
  std::size_t const at = out.find(from);
  REQUIRE(at != std::string::npos);
  return out.replace(at, from.size(), to);
}

Condition failure(Result<Key> const& result) {
  REQUIRE_FALSE(result);
  return result.error().condition;
}

std::string hex(Key const& key) {
  return to_hex(key.bytes());
}

}  // namespace

TEST_CASE("a slot that other code made opens, and is written the same", "[packed_slot]") {
  KeySlot const slot = parse_slot(example, slot_id).value();
  CHECK(slot.label == "the old \"laptop\"");
  CHECK(format_iso8601(slot.created) == "2026-02-19T12:00:00.123Z");
  CHECK(format_slot(slot) == example);
  CHECK(hex(open_slot(slot, repository, passphrase).value()) == hex(master));
}

TEST_CASE("a slot opens with its secret only, as what it is and where it belongs", "[packed_slot]") {
  KeySlot const slot = parse_slot(example, slot_id).value();
  CHECK(failure(open_slot(slot, repository, {SlotKind::passphrase, Secret("correct horse")})) ==
        Condition::wrong_key);
  CHECK(failure(open_slot(slot, repository, {SlotKind::application_key, passphrase.secret})) ==
        Condition::wrong_key);
  CHECK(failure(open_slot(slot, RepositoryId{}, passphrase)) == Condition::wrong_key);
  // Under another name, of another repository or kind it does not open either, whatever it says of itself.
  KeySlot moved = slot;
  moved.id[0] ^= 1;
  CHECK(failure(open_slot(moved, repository, passphrase)) == Condition::wrong_key);
  moved = slot;
  moved.repository = RepositoryId{};
  CHECK(failure(open_slot(moved, RepositoryId{}, passphrase)) == Condition::wrong_key);
  moved = slot;
  moved.kind = SlotKind::application_key;
  CHECK(failure(open_slot(moved, repository, {SlotKind::application_key, passphrase.secret})) ==
        Condition::wrong_key);
  moved = slot;
  moved.wrapped[47] ^= 1;
  CHECK(failure(open_slot(moved, repository, passphrase)) == Condition::wrong_key);
  moved = slot;
  moved.n = 1 << 21;
  CHECK(failure(open_slot(moved, repository, passphrase)) == Condition::unsupported);
}

TEST_CASE("a new slot opens after a trip through its text", "[packed_slot]") {
  SlotSecret const secret{SlotKind::application_key, Secret("K005abc")};
  KeySlot const slot = wrap_master_key(master, repository, secret, "büro\n", noon).value();
  CHECK(slot.n == 65536);
  CHECK(slot.r == 8);
  CHECK(slot.p == 1);
  KeySlot const again = parse_slot(format_slot(slot), slot.id).value();
  CHECK(again.label == "büro\n");
  CHECK(again.created == slot.created);
  CHECK(hex(open_slot(again, repository, secret).value()) == hex(master));
  KeySlot const other = wrap_master_key(master, repository, secret, "", noon).value();
  CHECK(other.id != slot.id);
  CHECK(other.salt != slot.salt);
  CHECK(other.nonce != slot.nonce);
  CHECK(wrap_master_key(master, repository, {SlotKind::passphrase, Secret()}, "", noon).error().condition ==
        Condition::usage);
  CHECK(wrap_master_key(master, repository, secret, "\xff", noon).error().condition == Condition::usage);
  CHECK(wrap_master_key(master, repository, secret, std::string(201, 'x'), noon).error().condition ==
        Condition::usage);
}

TEST_CASE("what a slot must not hold is named", "[packed_slot]") {
  auto const [text, condition, problem] = GENERATE_COPY(table<std::string, Condition, std::string>({
      {"{", Condition::corrupt, "not valid JSON"},
      {std::string(max_slot_bytes + 1, ' '), Condition::corrupt, "longer than 16384 bytes"},
      {with("\"version\": 1", "\"version\": 2"), Condition::unsupported, "format version 2"},
      {with("\"2021", "\"2121"), Condition::corrupt, "inside it is called 2121"},
      {with("\"passphrase\"", "\"yubikey\""), Condition::unsupported, "\"yubikey\" with \"scrypt\""},
      {with("\"scrypt\"", "\"argon2id\""), Condition::unsupported, "with \"argon2id\""},
      {with("\"n\": 16384", "\"n\": 8192"), Condition::corrupt,
       "\"n\" is not a whole number from 16384 to 1048576"},
      {with("\"n\": 16384", "\"n\": 2097152"), Condition::corrupt,
       "\"n\" is not a whole number from 16384 to 1048576"},
      {with("\"n\": 16384", "\"n\": 16385"), Condition::corrupt, "\"n\" is not a power of two"},
      {with("\"r\": 8", "\"r\": 17"), Condition::corrupt, "\"r\" is not a whole number from 1 to 16"},
      {with("\"r\": 8", "\"r\": 0"), Condition::corrupt, "\"r\" is not a whole number from 1 to 16"},
      {with("\"p\": 1", "\"p\": 5"), Condition::corrupt, "\"p\" is not a whole number from 1 to 4"},
      {with("\"n\": 16384", "\"n\": 262144"), Condition::corrupt, "256 MB of memory or more"},
      {with("2026-02-19T", "2026-02-19 "), Condition::corrupt, "\"created\" is not a time"},
      {with("\"label\"", "\"lable\""), Condition::corrupt, "\"label\" is missing"},
      {with("6b\"", "6b00\""), Condition::corrupt, "\"nonce\" is not 24"},
      {with("\"908b", "\"908B"), Condition::corrupt, "\"wrapped\" is not 96"},
      {with("\"4041", "\"41"), Condition::corrupt, "\"salt\" is not 64"},
  }));
  auto const parsed = parse_slot(text, slot_id);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().condition == condition);
  CHECK(parsed.error().message.find(problem) != std::string::npos);
}

TEST_CASE("the largest derivation that a slot may ask for is one that we can do", "[packed_slot]") {
  KeySlot slot =
      parse_slot(with("\"n\": 16384, \"r\": 8, \"p\": 1", "\"n\": 131072, \"r\": 15, \"p\": 4"), slot_id)
          .value();
  CHECK(failure(open_slot(slot, repository, passphrase)) == Condition::wrong_key);
}

TEST_CASE("kinds of slots by name", "[packed_slot]") {
  for (auto const kind : {SlotKind::application_key, SlotKind::passphrase, SlotKind::recovery})
    CHECK(slot_kind_from_name(slot_kind_name(kind)) == kind);
  CHECK_FALSE(slot_kind_from_name("Recovery"));
}
