// A key slot (docs/format.md): the repository's master key, wrapped by one secret. Pure, but for random
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/crypto/gcm.h"
#include "core/crypto/key.h"
#include "core/packed/format.h"
#include "core/util/clock.h"
#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b::packed {

enum class SlotKind { application_key, passphrase, recovery };
std::string_view slot_kind_name(SlotKind kind);  // "application-key", as in the slot
std::optional<SlotKind> slot_kind_from_name(std::string_view name);

// A secret that may open slots of its kind. Of a recovery code: what parse_recovery_code gives.
struct SlotSecret {
  SlotKind kind = SlotKind::passphrase;
  Secret secret;
};

struct KeySlot {
  SlotId id{};
  RepositoryId repository{};
  SlotKind kind = SlotKind::passphrase;
  TimePoint created{};
  std::string label;    // for people; valid UTF-8
  std::uint64_t n = 0;  // of scrypt
  std::uint32_t r = 0;
  std::uint32_t p = 0;
  Salt salt{};
  GcmIv nonce{};
  std::array<std::uint8_t, 48> wrapped{};  // the master key and its tag
};

std::string format_slot(KeySlot const& slot);

// `id`: the last part of the object's name. Errors: unsupported (a newer version, another kind or
// derivation), corrupt.
Result<KeySlot> parse_slot(std::string_view text, SlotId const& id);

// A new slot with a name, salt and nonce of its own. Takes a quarter of a second and 64 MB. Errors: usage
// (the secret is empty, the label is too long or not UTF-8).
Result<KeySlot> wrap_master_key(Key const& master, RepositoryId const& repository, SlotSecret const& secret,
                                std::string_view label, TimePoint now);

// wrong_key: this secret does not open it (or the slot is of another kind or repository, or was tampered
// with). unsupported: its derivation is beyond our bounds.
Result<Key> open_slot(KeySlot const& slot, RepositoryId const& repository, SlotSecret const& secret);

}  // namespace b2b::packed
