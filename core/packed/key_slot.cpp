#include "core/packed/key_slot.h"

#include <algorithm>
#include <array>
#include <bit>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "core/crypto/sealed_box.h"
#include "core/packed/json_members.h"
#include "core/util/encoding.h"

namespace b2b::packed {
namespace {

constexpr std::string_view what = "the key slot";
constexpr std::array<std::pair<SlotKind, std::string_view>, 3> kind_names{
    {{SlotKind::application_key, "application-key"},
     {SlotKind::passphrase, "passphrase"},
     {SlotKind::recovery, "recovery"}}};
constexpr std::uint64_t our_n = 65536;  // 64 MB
constexpr std::uint32_t our_r = 8;
constexpr std::uint32_t our_p = 1;
// What stored parameters may ask for: they come from a bucket that others may write to.
constexpr std::uint64_t least_n = 1 << 14;
constexpr std::uint64_t most_n = 1 << 20;
constexpr std::uint32_t most_r = 16;
constexpr std::uint32_t most_p = 4;
constexpr std::uint64_t derivation_bytes = 256 << 20;
constexpr std::size_t max_label_bytes = 200;

Error slot_damaged(SlotId const& id, std::string_view problem) {
  return make_error(Condition::corrupt,
                    std::string(what) + " " + to_hex(id) + " is damaged: " + std::string(problem));
}

bool derivation_is_bounded(KeySlot const& slot) {
  return std::has_single_bit(slot.n) && slot.n >= least_n && slot.n <= most_n && slot.r >= 1 &&
         slot.r <= most_r && slot.p >= 1 && slot.p <= most_p && 128 * slot.n * slot.r < derivation_bytes;
}

std::string additional_data(KeySlot const& slot) {
  std::string const separator(1, '\0');
  return "b2backupd packed slot v1" + separator + to_hex(slot.repository) + separator + to_hex(slot.id) +
         separator + std::string(slot_kind_name(slot.kind));
}

void read_derivation(JsonMembers& parent, KeySlot& slot) {
  JsonMembers members(parent.object("kdf"));
  slot.n = members.number("n", least_n, most_n);
  slot.r = static_cast<std::uint32_t>(members.number("r", 1, most_r));
  slot.p = static_cast<std::uint32_t>(members.number("p", 1, most_p));
  slot.salt = members.hex<std::tuple_size_v<Salt>>("salt");
  if (!members.problem().empty()) return parent.fail("\"kdf\": " + members.problem());
  if (!std::has_single_bit(slot.n)) return parent.fail("\"kdf\": \"n\" is not a power of two");
  if (!derivation_is_bounded(slot)) parent.fail("\"kdf\": it asks for 256 MB of memory or more");
}

}  // namespace

std::string_view slot_kind_name(SlotKind kind) {
  for (auto const& known : kind_names)
    if (known.first == kind) return known.second;
  B2B_ASSERT(false);
  return {};
}

std::optional<SlotKind> slot_kind_from_name(std::string_view name) {
  for (auto const& known : kind_names)
    if (known.second == name) return known.first;
  return std::nullopt;
}

std::string format_slot(KeySlot const& slot) {
  return "{\"version\": " + std::to_string(format_version) + ", \"repository\": \"" +
         to_hex(slot.repository) + "\", \"slot\": \"" + to_hex(slot.id) + "\", \"kind\": \"" +
         std::string(slot_kind_name(slot.kind)) + "\",\n \"created\": \"" + format_iso8601(slot.created) +
         "\", \"label\": " + boost::json::serialize(boost::json::string(slot.label)) +
         ",\n \"kdf\": {\"name\": \"scrypt\", \"n\": " + std::to_string(slot.n) +
         ", \"r\": " + std::to_string(slot.r) + ", \"p\": " + std::to_string(slot.p) + ", \"salt\": \"" +
         to_hex(slot.salt) + "\"},\n \"nonce\": \"" + to_hex(slot.nonce) + "\", \"wrapped\": \"" +
         to_hex(slot.wrapped) + "\"}\n";
}

Result<KeySlot> parse_slot(std::string_view text, SlotId const& id) {
  auto const object = parse_small_json(text, max_slot_bytes);
  if (!object) return slot_damaged(id, object.error().message);
  B2B_TRY(check_version(*object, std::string(what) + " " + to_hex(id)));
  JsonMembers members(*object);
  KeySlot slot;
  slot.repository = members.hex<std::tuple_size_v<RepositoryId>>("repository");
  slot.id = members.hex<std::tuple_size_v<SlotId>>("slot");
  std::string const kind = members.text("kind");
  JsonMembers derivation(members.object("kdf"));
  std::string const derivation_name = derivation.text("name");
  if (!members.problem().empty()) return slot_damaged(id, members.problem());
  if (!derivation.problem().empty()) return slot_damaged(id, "\"kdf\": " + derivation.problem());
  if (slot.id != id) return slot_damaged(id, "inside it is called " + to_hex(slot.id));
  auto const known = slot_kind_from_name(kind);
  if (!known || derivation_name != "scrypt")
    return make_error(Condition::unsupported,
                      std::string(what) + " " + to_hex(id) + " is of the kind \"" +
                          printable(kind.substr(0, 100)) + "\" with \"" +
                          printable(derivation_name.substr(0, 100)) + "\", which this program does not know",
                      "Use a newer b2backupd, or a secret of another slot");
  slot.kind = *known;
  auto const created = parse_iso8601(members.text("created"));
  if (!created) members.fail("\"created\" is not a time");
  slot.created = created.value_or(TimePoint{});
  slot.label = members.text("label");
  read_derivation(members, slot);
  slot.nonce = members.hex<std::tuple_size_v<GcmIv>>("nonce");
  slot.wrapped = members.hex<48>("wrapped");
  if (!members.problem().empty()) return slot_damaged(id, members.problem());
  return slot;
}

Result<KeySlot> wrap_master_key(Key const& master, RepositoryId const& repository, SlotSecret const& secret,
                                std::string_view label, TimePoint now) {
  if (secret.secret.empty())
    return make_error(Condition::usage, "an empty secret cannot protect a repository");
  if (label.size() > max_label_bytes || !is_valid_utf8(label))
    return make_error(Condition::usage, "the label of a key slot must be UTF-8 of at most " +
                                            std::to_string(max_label_bytes) + " bytes");
  KeySlot slot;
  slot.repository = repository;
  slot.kind = secret.kind;
  slot.created = std::chrono::floor<std::chrono::milliseconds>(now);  // as it is written
  slot.label = label;
  slot.n = our_n;
  slot.r = our_r;
  slot.p = our_p;
  random_bytes(slot.id);
  random_bytes(slot.salt);
  random_bytes(slot.nonce);
  B2B_ASSIGN(Key const wrapping, scrypt(secret.secret, slot.salt, slot.n, slot.r, slot.p));
  std::string box;
  seal_box(wrapping, slot.nonce, as_bytes(additional_data(slot)), master.bytes(), box);
  B2B_ASSERT(box.size() == slot.wrapped.size());
  std::copy(box.begin(), box.end(), slot.wrapped.begin());
  return slot;
}

Result<Key> open_slot(KeySlot const& slot, RepositoryId const& repository, SlotSecret const& secret) {
  auto const closed = [&] {
    return make_error(Condition::wrong_key, "this " + std::string(slot_kind_name(secret.kind)) +
                                                " does not open the key slot " + to_hex(slot.id));
  };
  if (slot.repository != repository || slot.kind != secret.kind) return closed();
  if (!derivation_is_bounded(slot))
    return make_error(Condition::unsupported,
                      std::string(what) + " " + to_hex(slot.id) + " asks for a derivation beyond the bounds");
  B2B_ASSIGN(Key const wrapping, scrypt(secret.secret, slot.salt, slot.n, slot.r, slot.p));
  std::string opened;
  if (!open_box(wrapping, slot.nonce, as_bytes(additional_data(slot)), slot.wrapped, opened)) return closed();
  std::array<std::uint8_t, 32> bytes{};
  std::copy(opened.begin(), opened.end(), bytes.begin());
  Key const master(bytes);
  wipe(opened.data(), opened.size());
  wipe(bytes.data(), bytes.size());
  return master;
}

}  // namespace b2b::packed
